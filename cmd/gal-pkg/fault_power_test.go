package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// powered is what a power cut is tried on.
type powered struct {
	folders []string              // everything that counts
	named   bool                  // nothing is tried after steps that nobody sees before something has its name
	restore func() error          // makes them what they were before the first step
	check   func(done bool) error // after a power cut; done says that it came after the last step
}

// tryAll tries every state once and returns how many there were.
func (p *powered) tryAll(steps []step) (int, error) {
	seen := map[[32]byte]bool{}
	try := func(what string, kept []step, done bool) error {
		if err := p.restore(); err != nil {
			return err
		}
		for _, step := range kept {
			if err := step.do(); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
		if err := age(kept); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		sum, err := p.sum(done)
		if err != nil || seen[sum] {
			return err
		}
		seen[sum] = true
		if err := p.check(done); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	}
	for end := range len(steps) + 1 {
		for _, cut := range powerCuts() {
			if end > 0 && end < len(steps) && (!cut.after(steps[end-1].kind) || p.named && steps[end-1].isUnnamed()) {
				continue
			}
			what := fmt.Sprintf("%s after %d steps", cut.name, end)
			if end > 0 {
				what += ", the last " + steps[end-1].String()
			}
			if err := try(what, cut.kept(steps[:end]), end == len(steps)); err != nil {
				return len(seen), err
			}
		}
	}
	for i := range steps {
		if steps[i].mayBeLost(steps) {
			if err := try("without "+steps[i].String(), slices.Delete(slices.Clone(steps), i, i+1), true); err != nil {
				return len(seen), err
			}
		}
	}
	return len(seen), nil
}

// age makes the files of steps as old as they are when the power comes back: a minute, or what was said of them.
func age(steps []step) error {
	before := time.Now().Add(-time.Minute)
	for _, s := range steps {
		path := s.path
		if s.kind == "rename" || s.kind == "name" {
			path = s.to
		}
		if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() || info.ModTime().Before(before) {
			continue
		}
		if err := os.Chtimes(path, before, before); err != nil {
			return err
		}
	}
	return nil
}

// powerCut is a way in which a disk keeps some steps and loses others.
type powerCut struct {
	name  string
	after func(kind string) bool // whether it is of interest after a step of that kind
	kept  func([]step) []step
}

func powerCuts() []powerCut {
	// What is lost shows where something else got its name without it.
	named := func(kind string) bool { return kind == "rename" || kind == "name" || kind == "link" }
	return []powerCut{
		{"all", func(kind string) bool { return kind != "sync" && kind != "mode" && kind != "time" }, func(steps []step) []step { return steps }},
		{"empty files", named, func(steps []step) []step {
			return keep(steps, func(s step) (step, bool) { return s, s.kind != "write" || !s.mayBeLost(steps) })
		}},
		{"zeros", named, func(steps []step) []step {
			return keep(steps, func(s step) (step, bool) {
				if s.kind == "write" && s.mayBeLost(steps) {
					s.data = make([]byte, len(s.data))
				}
				return s, true
			})
		}},
		{"renames lost", named, func(steps []step) []step {
			return keep(steps, func(s step) (step, bool) { return s, s.kind == "write" || !s.mayBeLost(steps) })
		}},
	}
}

func keep(steps []step, choose func(step) (step, bool)) []step {
	var kept []step
	for _, s := range steps {
		if s, ok := choose(s); ok {
			kept = append(kept, s)
		}
	}
	return kept
}

// sum is a digest of everything that counts.
func (p *powered) sum(done bool) (sum [32]byte, err error) {
	h := sha256.New()
	fmt.Fprintln(h, done)
	for _, folder := range p.folders {
		err = errors.Join(err, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			fmt.Fprintf(h, "%q %v\n", path, info.Mode())
			var content []byte
			switch {
			case info.Mode().IsRegular():
				content, err = os.ReadFile(path)
			case info.Mode()&fs.ModeSymlink != 0:
				var to string
				to, err = os.Readlink(path)
				content = []byte(to)
			}
			fmt.Fprintf(h, "%d\n", len(content))
			h.Write(content)
			return err
		}))
	}
	return [32]byte(h.Sum(nil)), err
}
