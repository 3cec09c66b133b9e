package main

import (
	"errors"
	"io/fs"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/tools/site"
)

// rootSigning are the flags of commands that speak as @root.
type rootSigning struct {
	RootKey        []string `placeholder:"FILE" sep:"none" help:"A root key that signs. Can be repeated: until the threshold of the root is met."`
	PassphraseFile string   `placeholder:"FILE" help:"Holds the passphrase of the key files."`
}

// passphrase returns what opens the key files, nil where they are not encrypted.
func (f rootSigning) passphrase() func() ([]byte, error) {
	if f.PassphraseFile == "" {
		return nil
	}
	return func() ([]byte, error) { return cmdline.ReadPassphrase(f.PassphraseFile) }
}

// said is the result in JSON of a command that speaks for the registry.
type said struct {
	Registry string            `json:"registry"`
	Says     string            `json:"says"`           // of each line, one after the other
	Line     string            `json:"line,omitempty"` // digest of the last one; none where there was nothing to say
	Changed  bool              `json:"changed"`        // something was published
	Missing  int               `json:"missing"`        // signatures
	File     string            `json:"file,omitempty"`
	Build    *site.BuildReport `json:"build,omitempty"`
}

// speak makes the line of a statement and publishes it; or writes it into a file, where it is to be signed elsewhere too.
func (a *app) speak(command, dir, output string, st site.Statement) error {
	s, err := openSite(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	spoken, err := s.Speak(a.ctx, a.now(), st)
	if err != nil {
		return err
	}
	result := said{Registry: spoken.Registry, Says: desk.Words(spoken.Line), Line: string(spoken.Line.Digest()), Missing: spoken.Missing}
	if spoken.Missing > 0 && output == "" {
		missing := fault.New(fault.Auth, "key-missing", "%s missing", cmdline.Plural(spoken.Missing, "signature")).WithFact("%s", result.Says)
		if spoken.Line.By == index.ByRegistry {
			return missing.WithHelp("put the file of another targets key into %s", s.Path("keys"))
		}
		return missing.
			WithHelp("pass --root-key FILE once more for each root key that is to sign").
			WithHelp("or --output FILE, and sign it where the other keys are: gal-registry recover sign FILE --root-key KEY")
	}
	if output != "" {
		return a.writeStatement(command, output, spoken, result)
	}
	if result.Build, err = s.Submit(a.ctx, a.now(), []*index.Line{spoken.Line}); err != nil {
		return err
	}
	return a.published(command, []*index.Line{spoken.Line}, result)
}

func (a *app) writeStatement(command, output string, spoken *site.Spoken, result said) error {
	file := publish.File{Registry: spoken.Registry, Lines: []*index.Line{spoken.Line}}
	if err := atomicfile.Create(output, file.Bytes(), 0o644); err != nil {
		bad := fault.New(fault.Manifest, "not-writable", "%s cannot be written", output).Because(err)
		if errors.Is(err, fs.ErrExist) {
			bad.WithHelp("to hand in what is there: gal-registry recover submit DIR %s", output).
				WithHelp("to write another one: pass --output OTHER%s, or move it away", publish.ProposalSuffix)
		}
		return bad
	}
	a.Say("%s", result.Says)
	a.Say("Written %s, good until %s; %s missing", output, spoken.Line.Until.Format("2006-01-02"), cmdline.Plural(result.Missing, "signature"))
	result.File = output
	return a.Result(command, result, cmdline.Text(output+"\n"))
}

// wordsOf returns what each line says, for people.
func wordsOf(lines []*index.Line) (words []string) {
	for _, l := range lines {
		words = append(words, desk.Words(l))
	}
	return words
}

// published says what was published.
func (a *app) published(command string, lines []*index.Line, result said) error {
	for _, words := range wordsOf(lines) {
		a.Say("%s", words)
	}
	result.Changed = true
	for _, dropped := range result.Build.Dropped {
		a.Say("warning: %s", dropped)
	}
	return a.Result(command, result, cmdline.Text("dist "+result.Build.Commit+"\n"))
}
