package mirror

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
)

// maxLeaving bounds the list of files that are not needed, in bytes.
const maxLeaving = 512 << 20

// leave removes what the mirror has not needed for [KeepFor], and notes what it does not need since now. The list is
// .mirror/leaving, "TIME PATH" a line. An import only adds.
func (r *run) leave(context.Context) error {
	paths, err := r.tree.paths()
	if err != nil || r.o.Scope.Found {
		return err
	}
	since := readLeaving(r.tree)
	leaving := map[string]time.Time{}
	for _, path := range paths {
		if r.from.needed[path] {
			continue
		}
		at, noted := since[path]
		if !noted {
			at = r.o.Now
		}
		if !r.o.Prune && r.o.Now.Sub(at) < KeepFor {
			leaving[path] = at
			continue
		}
		if err := r.tree.root.Remove(filepath.FromSlash(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		r.report.Removed++
	}
	r.report.Leaving = len(leaving)
	return writeLeaving(r.tree, leaving)
}

func readLeaving(t *tree) map[string]time.Time {
	leaving := map[string]time.Time{}
	data, err := atomicfile.Read(t.state("leaving"), maxLeaving)
	if err != nil {
		return leaving // then everything stays for as long once more
	}
	for line := range strings.Lines(string(data)) {
		text, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			leaving[path] = at
		}
	}
	return leaving
}

func writeLeaving(t *tree, leaving map[string]time.Time) error {
	if len(leaving) == 0 {
		if err := os.Remove(t.state("leaving")); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	var text strings.Builder
	for _, path := range slices.Sorted(maps.Keys(leaving)) {
		text.WriteString(leaving[path].UTC().Format(time.RFC3339) + " " + path + "\n")
	}
	return atomicfile.Write(t.state("leaving"), []byte(text.String()), 0o644)
}
