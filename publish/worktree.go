package publish

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// maxDirty is how many changed files an error names.
const maxDirty = 10

// Uncommitted returns an error of kind negative and code uncommitted where dir is in a git repository and what is packed is
// in no commit of it: one of the files, or of the other paths, is changed or not known to git, or a file below dir is
// deleted. Files that git ignores do not count, nor does a folder that is in no repository. It runs git, the program.
func Uncommitted(ctx context.Context, dir string, files []archive.Entry, others ...string) error {
	if !inRepository(dir) {
		return nil
	}
	packed := map[string]bool{}
	for _, f := range files {
		packed[filepath.FromSlash(f.Path)] = true
	}
	for _, other := range others {
		if rel, err := filepath.Rel(dir, other); err == nil {
			packed[rel] = true
		}
	}
	changed, err := status(ctx, dir, others)
	if err != nil {
		return err
	}
	var dirty []string
	for _, c := range changed {
		if packed[c.path] || c.deleted {
			dirty = append(dirty, filepath.ToSlash(c.path))
		}
	}
	if len(dirty) == 0 {
		return nil
	}
	slices.Sort(dirty)
	fail := fault.New(fault.Negative, "uncommitted", "what would be published is in no commit: %d of its files are changed, new or deleted", len(dirty))
	if len(dirty) == 1 {
		fail.Message = "what would be published is in no commit: one of its files is changed, new or deleted"
	}
	for _, name := range dirty[:min(len(dirty), maxDirty)] {
		fail.WithFact("%s", name)
	}
	if more := len(dirty) - maxDirty; more > 0 {
		fail.WithFact("and %d more", more)
	}
	return fail.WithHelp("commit them first, or pass --allow-dirty")
}

// inRepository reports whether dir or a folder above it holds .git.
func inRepository(dir string) bool {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return true
		}
		up := filepath.Dir(dir)
		if up == dir {
			return false
		}
		dir = up
	}
}

// change is one path that differs from the commit that is checked out, relative to the package.
type change struct {
	path    string
	deleted bool
}

// status asks git what is changed below dir and at the other paths.
func status(ctx context.Context, dir string, others []string) ([]change, error) {
	prefix, err := run(ctx, dir, "rev-parse", "--show-prefix")
	if err != nil {
		return nil, err
	}
	prefix = strings.TrimSuffix(prefix, "\n")
	args := append([]string{"-c", "core.fsmonitor=false", "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--", "."}, others...)
	text, err := run(ctx, dir, args...)
	if err != nil {
		return nil, err
	}
	var changed []change
	for entry := range strings.SplitSeq(strings.TrimSuffix(text, "\x00"), "\x00") {
		if len(entry) < 4 {
			continue
		}
		rel, err := filepath.Rel(filepath.FromSlash("/"+prefix), filepath.FromSlash("/"+entry[3:]))
		if err != nil {
			return nil, err
		}
		changed = append(changed, change{rel, strings.Contains(entry[:2], "D") && filepath.IsLocal(rel)})
	}
	return changed, nil
}

// run asks git; what it cannot answer is not taken for a yes.
func run(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err == nil || ctx.Err() != nil {
		return string(out), ctx.Err()
	}
	fail := fault.New(fault.Negative, "uncommitted", "git does not say whether what would be published is committed").Because(err)
	if line, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n"); line != "" {
		fail.WithFact("%s", line)
	}
	return "", fail.WithHelp("pass --allow-dirty to publish without knowing")
}
