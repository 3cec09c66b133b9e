package gitindex

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"github.com/geeknik/gal-pkg/internal/alphabet"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// state is state.json: which generation is in use, and how far it is.
type state struct {
	V          int    `json:"v"`
	URL        string `json:"url"`
	Branch     string `json:"branch"`
	Generation string `json:"generation"`
	Revision   string `json:"revision"`
	Tier       Tier   `json:"tier"`
}

const (
	stateFile    = "state.json"
	stateVersion = 3 // of 1, nobody had held the folders to be whole; those who wrote 2 did not know of TierTreeless
)

// readState returns the state on disk, or the zero state where there is none that fits the options: a store is a cache,
// and what it cannot read it fetches again.
func (s *Store) readState() state {
	var st state
	data, err := atomicfile.Read(filepath.Join(s.dir, stateFile), maxState)
	if err != nil {
		return state{}
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	fits := dec.Decode(&st) == nil && st.V == stateVersion && st.URL == s.opts.URL && st.Branch == s.opts.Branch &&
		isGeneration(st.Generation) && st.Tier.remembered()
	if !fits {
		return state{}
	}
	return st
}

func (s *Store) writeState(st state) error {
	st.V, st.URL, st.Branch = stateVersion, s.opts.URL, s.opts.Branch
	data, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(s.dir, stateFile), append(data, '\n'), 0o600)
}

// generation is one repository of a store, which cannot be removed while its lock is held.
type generation struct {
	name string
	repo *gitrepo.Repo
	lock *flock.Flock
}

func isGeneration(name string) bool {
	number, ok := strings.CutPrefix(name, "gen-")
	return ok && alphabet.Is(number, 1, 18, "123456789", alphabet.Digits)
}

// errGone is matched where a generation is not there, or is being removed.
var errGone = errors.New("the generation is gone")

func (s *Store) openGeneration(name string) (*generation, error) {
	lock := flock.New(filepath.Join(s.dir, name+".lock"))
	ok, err := lock.TryRLock()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errGone
	}
	repo, err := gitrepo.Open(filepath.Join(s.dir, name))
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("%w: %w", errGone, err)
	}
	return &generation{name, repo, lock}, nil
}

// newGeneration makes an empty one. Call it under the refresh lock.
func (s *Store) newGeneration() (*generation, error) {
	names, err := s.generations()
	if err != nil {
		return nil, err
	}
	last := 0
	for _, name := range names {
		n, err := strconv.Atoi(strings.TrimPrefix(name, "gen-"))
		if err == nil {
			last = max(last, n)
		}
	}
	name := fmt.Sprintf("gen-%d", last+1)
	repo, err := gitrepo.InitPartial(filepath.Join(s.dir, name), s.opts.Branch)
	if err != nil {
		return nil, err
	}
	repo.Close()
	return s.openGeneration(name)
}

// generations lists the names that are in use on disk, those of lock files alone included.
func (s *Store) generations() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".lock")
		if isGeneration(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func (g *generation) close() {
	if g != nil {
		g.repo.Close()
		g.lock.Close()
	}
}

// discard removes a generation that nothing leads to yet.
func (s *Store) discard(g *generation) {
	g.repo.Close()
	os.RemoveAll(filepath.Join(s.dir, g.name))
	os.Remove(filepath.Join(s.dir, g.name+".lock"))
	g.lock.Close()
}

// sweep removes the generations that are neither current nor read by anybody, and partial files. Call it under the
// refresh lock. What cannot be removed now is left for a later refresh.
func (s *Store) sweep() {
	s.gen.repo.SweepTemp(s.opts.Now().Add(-sweepAge))
	names, err := s.generations()
	if err != nil {
		return
	}
	for _, name := range names {
		if name == s.gen.name {
			continue
		}
		path := filepath.Join(s.dir, name)
		lock := flock.New(path + ".lock")
		if ok, err := lock.TryLock(); err == nil && ok {
			os.RemoveAll(path)
			os.Remove(path + ".lock")
			lock.Close()
		}
	}
}
