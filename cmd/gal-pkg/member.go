package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
)

// onePackage opens the project for a command that acts on one package of it: [project.Project.Current] is the one that the
// user means. The root of a workspace that has several and no package of its own is an error with the command that helps.
func (a *app) onePackage() (*project.Project, error) {
	p, err := a.project()
	if err != nil {
		return nil, err
	}
	if _, err := p.One(); err != nil {
		here := a.fromHere(filepath.Dir(p.Path(p.Members[0])))
		return nil, fault.Of(err).WithHelp("gal-pkg -C %s %s", shellWord(here), strings.Join(a.argumentsInside(), " "))
	}
	return p, nil
}

// elsewhere is what to say of the manifest that a command edits where it is not the one of the folder that it works in.
func (a *app) elsewhere(p *project.Project) string {
	return a.elsewhereIn(p.Path(p.Current))
}

// elsewhereIn is elsewhere for any manifest.
func (a *app) elsewhereIn(file string) string {
	here, err := a.dir()
	if err != nil {
		return ""
	}
	if rel, err := filepath.Rel(here, file); err == nil {
		file = rel
	}
	if file == manifest.FileName {
		return ""
	}
	return " in " + filepath.ToSlash(file)
}

// fromHere is a path as it is from the folder that the user stands in, wherever -C leads.
func (a *app) fromHere(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(here, path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(rel)
}

// argumentsInside is the command line without what says which project is meant, for a shell.
func (a *app) argumentsInside() (words []string) {
	places := []string{"-C", "--directory", "--manifest-path"}
	args := a.kong.Args
	for i := 0; i < len(args); i++ {
		name, _, joined := strings.Cut(args[i], "=")
		switch {
		case slices.Contains(places, name):
			if !joined {
				i++
			}
		case strings.HasPrefix(args[i], "-C"):
		default:
			words = append(words, shellWord(args[i]))
		}
	}
	return words
}

// shellWord quotes a text where a shell would take it for more than one plain word.
func shellWord(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+@%:,./^"
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return shellQuote(text)
}
