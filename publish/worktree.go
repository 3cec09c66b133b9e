package publish

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// maxDirty is how many changed files an error names.
const maxDirty = 10

// Sources are the files on disk that a draft is made from.
type Sources struct {
	Dir     string   // of the package
	Files   []string // below Dir, with forward slashes
	Others  []string // elsewhere, such as the manifest of a workspace that the package inherits from
	Include []string // patterns of the manifest: git may ignore a file that one of them names
	Output  string   // a folder in which nothing counts; "" for none
}

// Uncommitted returns an error of kind negative and code uncommitted where the package is in a git repository and what is
// packed is in no commit of it: a file is changed or not known to git, or one below the package's folder is deleted. A file
// that git ignores, for whatever reason, is not known to it; it may be packed where include names it, as
// [archive.Names] says. A folder that is in no repository has nothing to commit.
//
// It runs git, the program. Errors, of kind negative, where that does not answer: "git-missing", "git-refused".
func Uncommitted(ctx context.Context, s Sources) error {
	dirty := map[string]bool{} // to whether git ignores it
	if s.Dir = physical(s.Dir); s.Output != "" {
		s.Output = physical(s.Output)
	}
	if inRepository(s.Dir) {
		w, err := ask(ctx, s.Dir, ".")
		if err != nil {
			return err
		}
		s.compare(w, dirty)
	}
	for _, other := range s.Others {
		other = physical(other)
		dir, name := filepath.Split(other)
		if !inRepository(filepath.Clean(dir)) {
			continue
		}
		w, err := ask(ctx, dir, name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(s.Dir, other)
		if err != nil {
			return err
		}
		if changed := w.isChanged(name); changed || !w.tracked[name] {
			dirty[filepath.ToSlash(rel)] = !changed
		}
	}
	if len(dirty) == 0 {
		return nil
	}
	return uncommitted(dirty)
}

// compare adds what is packed and not as the commit has it.
func (s Sources) compare(w *worktree, dirty map[string]bool) {
	for _, file := range s.Files {
		changed := w.isChanged(file)
		if changed || !w.tracked[file] && !archive.Names(s.Include, file) {
			dirty[file] = !changed
		}
	}
	for file, deleted := range w.changed {
		if deleted && filepath.IsLocal(file) && !s.written(file) {
			dirty[file] = false
		}
	}
}

// written reports whether a file is below the folder of the output, and that is not the whole package.
func (s Sources) written(file string) bool {
	if s.Output == "" {
		return false
	}
	output, err := filepath.Rel(s.Dir, s.Output)
	return err == nil && output != "." && strings.HasPrefix(file, filepath.ToSlash(output)+"/")
}

func uncommitted(dirty map[string]bool) error {
	fail := fault.New(fault.Negative, "uncommitted", "what would be published is in no commit: %d of its files are changed, new or deleted", len(dirty))
	if len(dirty) == 1 {
		fail.Message = "what would be published is in no commit: one of its files is changed, new or deleted"
	}
	names, ignored := slices.Sorted(maps.Keys(dirty)), false
	for _, name := range names[:min(len(names), maxDirty)] {
		if dirty[name] {
			ignored = true
			name += " (ignored by git)"
		}
		fail.WithFact("%s", name)
	}
	if more := len(names) - maxDirty; more > 0 {
		fail.WithFact("and %d more", more)
	}
	fail.WithHelp("commit them first, or pass --allow-dirty")
	if ignored {
		fail.WithHelp("what git ignores: git add --force FILE, or leave it out with [package] exclude, or name the file in include")
	}
	return fail
}

// physical is where a path leads to: git follows links, and so must whoever compares with what git says. The last parts of
// the path need not be there.
func physical(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if up := filepath.Dir(path); up != path {
		return filepath.Join(physical(up), filepath.Base(path))
	}
	return path
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

// worktree is what git says of some files. Paths are relative to a folder, with forward slashes.
type worktree struct {
	changed map[string]bool // what differs from the commit that is checked out, to whether it is deleted
	tracked map[string]bool // what git would have in the next commit
}

// isChanged reports whether a file, or the repository in a folder above it, differs from the commit.
func (w *worktree) isChanged(file string) bool {
	for ; file != "." && file != "/"; file = path.Dir(file) {
		if _, ok := w.changed[file]; ok {
			return true
		}
	}
	return false
}

// ask asks git about a path in a folder, and what is below it.
func ask(ctx context.Context, dir, name string) (*worktree, error) {
	prefix, err := run(ctx, dir, "rev-parse", "--show-prefix")
	if err != nil {
		return nil, err
	}
	prefix = filepath.FromSlash("/" + strings.TrimSuffix(prefix, "\n"))
	status, err := run(ctx, dir, "status", "--porcelain", "-z", "--untracked-files=all", "--ignore-submodules=none", "--no-renames", "--", name)
	if err != nil {
		return nil, err
	}
	w := &worktree{map[string]bool{}, map[string]bool{}}
	for entry := range strings.SplitSeq(status, "\x00") {
		if len(entry) < 4 {
			continue
		}
		rel, err := filepath.Rel(prefix, filepath.FromSlash("/"+entry[3:]))
		if err != nil {
			return nil, err
		}
		rel = filepath.ToSlash(rel)
		w.changed[rel] = w.changed[rel] || strings.Contains(entry[:2], "D")
	}
	tracked, err := run(ctx, dir, "ls-files", "--cached", "--recurse-submodules", "-z", "--", name)
	if err != nil {
		return nil, err
	}
	for file := range strings.SplitSeq(tracked, "\x00") {
		w.tracked[file] = true
	}
	return w, nil
}

// maxSaid is how many lines of git's own an error passes on.
const maxSaid = 10

// run asks git; what it cannot answer is not taken for a yes.
func run(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"--literal-pathspecs", "-c", "core.fsmonitor=false"}, args...)...)
	cmd.Dir, cmd.Env = dir, gitEnvironment()
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	switch {
	case err == nil || ctx.Err() != nil:
		return string(out), ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return "", fault.New(fault.Negative, "git-missing", "there is no program git here to say whether what would be published is committed")
	}
	fail := fault.New(fault.Negative, "git-refused", "git does not say whether what would be published is committed").Because(err)
	for line := range strings.Lines(said.String()) {
		switch line = strings.TrimSpace(line); {
		case line == "" || len(fail.Facts) == maxSaid:
		case strings.HasPrefix(line, "git "): // a command that it suggests
			fail.WithHelp("%s", line)
		default:
			fail.WithFact("%s", line)
		}
	}
	return "", fail.WithHelp("pass --allow-dirty to publish without knowing")
}

// gitEnvironment is that of this process, without what would lead git to another repository or index: a hook of git, which
// may have started this process, has such variables. Configuration stays.
func gitEnvironment() []string {
	env := slices.DeleteFunc(os.Environ(), func(e string) bool {
		return strings.HasPrefix(e, "GIT_") && !strings.HasPrefix(e, "GIT_CONFIG_") && !strings.HasPrefix(e, "GIT_DISCOVERY_")
	})
	return append(env, "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
}
