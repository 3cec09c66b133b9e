package site

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// recentLife is how long public/ keeps what clients of a moment ago may still ask for.
const recentLife = 7 * 24 * time.Hour

const maxExpiring = 64 << 20

// What is to be removed from public/ stands in state/expiring/<day>, a path a line, appended to: a file for each day on
// which something expires, which goes as a whole. They begin with an empty line: a power cut may have left anything before it.
func (s *Site) noteExpiring(paths []string, now time.Time) error {
	if len(paths) == 0 {
		return nil
	}
	file := s.Path("state", "expiring", dayOf(now.Add(recentLife)))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString("\n" + strings.Join(paths, "\n") + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// expire removes what was noted for the days before today, unless dist has it again or it was noted once more.
func (s *Site) expire(dist gitrepo.Hash, now time.Time) error {
	entries, err := os.ReadDir(s.Path("state", "expiring"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var due, kept []string // file names
	for _, e := range entries {
		if e.Name() < dayOf(now) {
			due = append(due, e.Name())
		} else {
			kept = append(kept, e.Name())
		}
	}
	if len(due) == 0 {
		return nil
	}
	gone, err := s.expiring(due)
	if err != nil {
		return err
	}
	again, err := s.expiring(kept) // sorted
	if err != nil {
		return err
	}
	present, err := s.repo.Lookup(dist, gone)
	if err != nil {
		return err
	}
	for _, path := range gone {
		if _, later := slices.BinarySearch(again, path); later || present[path].Path != "" {
			continue
		}
		if err := os.Remove(s.Path(PublicDir, filepath.FromSlash(path))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, name := range due {
		if err := os.Remove(s.Path("state", "expiring", name)); err != nil {
			return err
		}
	}
	return nil
}

// expiring returns the paths in some of the files, sorted, each once. What is none is left out: a file that should have gone
// does less harm than a registry that does not build.
func (s *Site) expiring(names []string) ([]string, error) {
	var paths []string
	for _, name := range names {
		data, err := atomicfile.Read(s.Path("state", "expiring", name), maxExpiring)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(data)) {
			path, whole := strings.CutSuffix(line, "\n")
			if whole && fs.ValidPath(path) && !strings.Contains(path, "\x00") {
				paths = append(paths, path)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}
