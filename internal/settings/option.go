package settings

import (
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/manifest"
)

// form is what values an option can have.
type form int

const (
	wordForm   form = iota // one of some words
	flagForm               // true or false
	numberForm             // an integer from 1 to maxJobs
	pathForm               // the path of a file
	idForm                 // the id of a publisher
	urlForm                // an address, http or https
)

const maxJobs = 256

// option is one key of config.toml.
type option struct {
	name  string
	form  form
	words []string
}

// options are all keys of config.toml.
func options() []option {
	return []option{
		{name: "cache.shared", form: urlForm},
		{name: "cache.shared-write", form: flagForm},
		{name: "color", form: wordForm, words: []string{"auto", "always", "never"}},
		{name: "fetch.git-binary", form: wordForm, words: []string{"auto", "never", "always"}},
		{name: "jobs", form: numberForm},
		{name: "offline", form: flagForm},
		{name: "publisher", form: idForm},
		{name: "signing.auto", form: flagForm},
		{name: "signing.key", form: pathForm},
		{name: "store.link-mode", form: wordForm, words: linkModes()},
		{name: "store.verify", form: wordForm, words: []string{"content", "stat"}},
	}
}

// linkModes are the ways to link that this system has.
func linkModes() []string {
	modes := []string{"auto", "symlink", "hardlink", "copy"}
	if runtime.GOOS == "windows" {
		modes = append(modes, "junction")
	}
	return modes
}

func findOption(name string) option {
	all := options()
	return all[slices.IndexFunc(all, func(o option) bool { return o.name == name })]
}

// path is the option's place in the file.
func (o option) path() []string { return strings.Split(o.name, ".") }

// split returns the option's table, "" for the top, and its key there.
func (o option) split() (section, key string) {
	parts := o.path()
	return strings.Join(parts[:len(parts)-1], "."), parts[len(parts)-1]
}

// read takes the option's value out of a table, as text.
func (o option) read(t *table, key string) (text string, ok bool) {
	switch o.form {
	case flagForm:
		b, ok := as[bool](t, key, "true or false")
		return strconv.FormatBool(b), ok
	case numberForm:
		n, ok := t.integer(key, 1, maxJobs)
		return strconv.Itoa(n), ok
	}
	text, ok = as[string](t, key, "a string")
	if !ok {
		return "", false
	}
	if err := o.check(text); err != nil {
		t.fail("%s %v", t.name(key), err)
		return "", false
	}
	return text, true
}

// parse turns what a user typed into the value that the file gets. A relative path becomes absolute below workDir.
func (o option) parse(text, workDir string) (any, error) {
	switch o.form {
	case flagForm:
		return parseFlag(text)
	case numberForm:
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxJobs {
			return nil, fmt.Errorf("is %q; it must be a number from 1 to %d", text, maxJobs)
		}
		return n, nil
	}
	if err := o.check(text); err != nil {
		return nil, err
	}
	if o.form != pathForm || filepath.IsAbs(text) {
		return text, nil
	}
	if workDir == "" {
		return nil, fmt.Errorf("is %q, which is not an absolute path", text)
	}
	return filepath.Join(workDir, text), nil
}

// parseFlag takes the words that variables take.
func parseFlag(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "1":
		return true, nil
	case "false", "no", "0":
		return false, nil
	}
	return false, fmt.Errorf("is %q; it must be true or false", text)
}

// check judges a text. Errors are the ends of sentences that begin with the key.
func (o option) check(text string) error {
	switch o.form {
	case wordForm:
		if !slices.Contains(o.words, text) {
			return fmt.Errorf("is %q; it must be one of %s%s", text, strings.Join(o.words, ", "), didYouMean(text, o.words))
		}
	case idForm:
		if strings.Contains(text, "/") {
			return fmt.Errorf("is %q; a publisher's id has no slash", text)
		}
		if err := manifest.CheckName(text); err != nil {
			return fmt.Errorf("is no publisher's id: %w", err)
		}
	case pathForm:
		return checkPath(text)
	case urlForm:
		if u, err := url.Parse(text); err == nil && u.User != nil {
			u.User = nil
			without := web.Redact(u.String())
			return fmt.Errorf("holds a user name or password; set it to %s, then: gal-pkg login --registry %s", without, without)
		}
		if _, err := web.Canonical(text); err != nil {
			return fmt.Errorf("is no address: %w", err)
		}
	}
	return nil
}

func checkPath(text string) error {
	switch {
	case text == "":
		return fmt.Errorf("is empty")
	case len(text) > 4096:
		return fmt.Errorf("is longer than 4096 bytes")
	case strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text):
		return fmt.Errorf("holds a control character")
	case strings.HasPrefix(text, "~"):
		return fmt.Errorf("is %q; write the path of the folder for the ~", text)
	}
	return nil
}
