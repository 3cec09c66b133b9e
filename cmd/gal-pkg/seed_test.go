package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/translog"
	"github.com/geeknik/gal-pkg/tools/build"
	"github.com/geeknik/gal-pkg/version"
)

const (
	seedID   = "seed.test"
	seedTOML = "id = \"seed.test\"\nname = \"Seed\"\nformat = 1\n"
)

// seed makes the published tree of a registry without git and server: everything in it is signed by the publisher ada.
func seed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: seed DIR ITEM...")
	}
	s := seeder{ts: ts, dir: ts.MkAbs(args[0])}
	key, err := translog.GenerateKey(rand.Reader, seedID)
	ts.Check(err)
	s.builder, err = build.New(seedID, build.Empty{}, 0, key)
	ts.Check(err)
	s.author = publish.Author{ID: "ada", Random: rand.Reader, Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	s.author.Key, err = sign.Generate(rand.Reader)
	ts.Check(err)
	line, err := s.author.Register(seedID, "", nil)
	ts.Check(err)
	ts.Check(s.builder.Append(line, s.author.Now))
	for _, item := range args[1:] {
		if yank, ok := strings.CutPrefix(item, "yank:"); ok {
			s.yank(yank)
		} else if deprecation, ok := strings.CutPrefix(item, "deprecate:"); ok {
			s.deprecate(deprecation)
		} else if lie, ok := strings.CutPrefix(item, "lie:"); ok {
			s.publish(ts.MkAbs(lie), true)
		} else {
			s.publish(ts.MkAbs(item), false)
		}
	}
	out, err := s.builder.Finish()
	ts.Check(err)
	out.Files[index.ConfigPath] = []byte(seedTOML)
	s.writeTree(out.Files, key)
}

type seeder struct {
	ts      *testscript.TestScript
	dir     string
	builder *build.Builder
	author  publish.Author
}

func (s *seeder) write(path string, data []byte) {
	file := filepath.Join(s.dir, filepath.FromSlash(path))
	s.ts.Check(os.MkdirAll(filepath.Dir(file), 0o755))
	s.ts.Check(os.WriteFile(file, data, 0o644))
}

// state is what the tree has of a package so far, nil for nothing.
func (s *seeder) state(name string) *index.Package {
	p, err := s.builder.Package(name)
	s.ts.Check(err)
	if p == nil || !p.Exists() {
		return nil
	}
	return p
}

// publish brings the package of a folder; with lie its line has no dependencies, as no gate would let it.
func (s *seeder) publish(dir string, lie bool) {
	draft, err := publish.Prepare(dir, publish.Options{Registry: func(name string) (string, error) {
		return "", fmt.Errorf("no registry %s", name)
	}})
	s.ts.Check(err)
	s.ts.Check(draft.Err())
	if lie {
		draft.Publish.Dependencies = nil
	}
	line, err := s.author.Publish(seedID, s.state(draft.Name), draft)
	s.ts.Check(err)
	s.ts.Check(s.builder.Append(line, s.author.Now))
	s.write(index.ArchivePath(draft.Name, draft.Publish.Version.String()), draft.Archive.Bytes)
}

// yank reads NAME@VERSION:REASON.
func (s *seeder) yank(text string) {
	what, reason, _ := strings.Cut(text, ":")
	name, v, _ := strings.Cut(what, "@")
	s.ts.Check(manifest.CheckName(name))
	line, err := s.author.Yank(seedID, s.state(name), &index.Yank{Version: version.MustParse(v), Class: "broken", Reason: reason})
	s.ts.Check(err)
	s.ts.Check(s.builder.Append(line, s.author.Now))
}

// deprecate reads NAME:REPLACEMENT:MESSAGE.
func (s *seeder) deprecate(text string) {
	name, text, _ := strings.Cut(text, ":")
	replacement, message, _ := strings.Cut(text, ":")
	line := s.sign(name, version.Version{}, &index.Line{
		Event: index.EventDeprecate, Subject: name, Body: &index.Deprecate{Message: message, Replacement: replacement},
	})
	s.ts.Check(s.builder.Append(line, s.author.Now))
}
