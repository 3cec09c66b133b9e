package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/filelock"
)

// TestBeside has commands meet another that holds the project: each waits, finds that gal.toml, or that of a folder that the
// project depends on, is another one meanwhile, and says so. What the other has written stays.
func TestBeside(t *testing.T) {
	const own, dependency = "gal.toml", "one/gal.toml"
	for _, row := range []struct {
		command string
		theirs  string // what is another one meanwhile; "": with nothing to write it has come first
	}{
		{"add two --path two --no-install", own}, {"add two --path two", own}, {"remove one", own}, {"lock", own}, {"fetch", own}, {"vendor", own},
		{"install", own}, {"update", own}, {"lock --dry-run", ""}, {"lock --check", ""},
		{"add two --path two --no-install", dependency}, {"lock", dependency}, {"fetch", dependency}, {"install", dependency},
	} {
		t.Run(row.command+" "+row.theirs, func(t *testing.T) {
			t.Parallel()
			w := newBeside(t)
			if row.theirs == "" {
				w.must("lock")
			}
			if row.theirs == "" {
				held := w.hold()
				if out, err := w.command(strings.Fields(row.command)...).CombinedOutput(); err != nil {
					t.Errorf("it waits, or fails: %v\n%s", err, out)
				}
				held.Release()
				return
			}
			theirs := strings.Replace(w.read(row.theirs), "[package]\n", "[package]\ndescription = \"theirs\"\n", 1)
			code, text := w.meet(row.command, func() { w.write(row.theirs, theirs) })
			if code != 1 || !strings.Contains(text, "error[changed-meanwhile]: "+row.theirs+" was changed while this ran; nothing was written\n") {
				t.Errorf("exit code %d\n%s", code, text)
			}
			if now := w.read(row.theirs); now != theirs {
				t.Errorf("%s is now\n%s", row.theirs, now)
			}
			if _, err := os.Lstat(w.path("gal.lock")); err == nil {
				t.Error("gal.lock is there")
			}
			w.must("install")
		})
	}
}

// TestCommentBeside has commands meet somebody who writes a comment into gal.toml: what does not write it goes on, and what
// does would undo it.
func TestCommentBeside(t *testing.T) {
	for command, code := range map[string]int{"lock": 0, "install": 0, "add two --path two": 1} {
		w := newBeside(t)
		got, text := w.meet(command, func() { w.write("gal.toml", w.read("gal.toml")+"# theirs\n") })
		if got != code || !strings.HasSuffix(w.read("gal.toml"), "# theirs\n") {
			t.Errorf("%s: exit code %d\n%s", command, got, text)
		}
	}
}

// TestCleanBeside has clean meet another that holds the project: it waits, and then removes everything.
func TestCleanBeside(t *testing.T) {
	w := newBeside(t)
	w.must("install")
	if code, text := w.meet("clean", func() { w.read(".gal/packages.json") }); code != 0 {
		t.Errorf("exit code %d\n%s", code, text)
	}
	if _, err := os.Lstat(w.path(".gal")); err == nil {
		t.Error(".gal is there")
	}
}

// TestBesideEachOther lets two processes write at once: gal.toml has what those have added who say so, gal.lock fits it, and
// one of them has come through.
func TestBesideEachOther(t *testing.T) {
	for _, pair := range [][2]string{
		{"add two --path two --no-install", "add three --path three --no-install"},
		{"add two --path two --no-install", "lock --upgrade"},
		{"add two --path two --no-install", "remove one"},
		{"add two --path two", "install"},
	} {
		for round := range 4 {
			w := newBeside(t)
			var both [2]*exec.Cmd
			var said [2]bytes.Buffer
			for i, command := range pair {
				both[i] = w.command(strings.Fields(command)...)
				both[i].Stderr = &said[i]
				if err := both[i].Start(); err != nil {
					t.Fatal(err)
				}
			}
			done := 0
			for i, c := range both {
				err := c.Wait()
				came := err == nil
				if came {
					done++
				} else if c.ProcessState.ExitCode() != 1 || !strings.Contains(said[i].String(), "error[changed-meanwhile]") {
					t.Fatalf("%s: %v\n%s", pair[i], err, &said[i])
				}
				words := strings.Fields(pair[i])
				if words[0] != "add" && words[0] != "remove" {
					continue
				}
				if has := strings.Contains(w.read("gal.toml"), "\n"+words[1]+" = "); has != (came == (words[0] == "add")) {
					t.Fatalf("%s: %v, and gal.toml is\n%s", pair[i], err, w.read("gal.toml"))
				}
			}
			if done == 0 {
				t.Fatalf("round %d of %v: neither came through\n%s%s", round, pair, &said[0], &said[1])
			}
			w.must("lock", "--check")
			w.must("install")
			w.must("verify")
		}
	}
}

// beside is a project that depends on folders alone, with a home of its own.
type beside struct {
	t         *testing.T
	dir, home string
}

func newBeside(t *testing.T) *beside {
	t.Helper()
	w := &beside{t, filepath.Join(t.TempDir(), "project"), t.TempDir()}
	const text = "[package]\nname = %q\nversion = \"0.1.0\"\n"
	w.write("gal.toml", fmt.Sprintf(text, "all-of-it")+"\n[dependencies]\none = { path = \"one\" }\n")
	for _, name := range []string{"one", "two", "three"} {
		w.write(filepath.Join(name, "gal.toml"), fmt.Sprintf(text, name))
	}
	if err := os.Mkdir(w.path(".gal"), 0o755); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *beside) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}

func (w *beside) read(name string) string {
	w.t.Helper()
	data, err := os.ReadFile(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

func (w *beside) write(name, text string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(w.path(name)), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(w.path(name), []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// command is this program in the project, as gal-pkg.
func (w *beside) command(args ...string) *exec.Cmd {
	w.t.Helper()
	program, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	c := exec.CommandContext(context.WithoutCancel(w.t.Context()), program)
	c.Args = append([]string{"gal-pkg"}, args...)
	c.Dir = w.dir
	c.Env = append(os.Environ(), "HOME="+w.home, "XDG_CACHE_HOME=", "XDG_CONFIG_HOME=", "XDG_STATE_HOME=")
	return c
}

// hold holds the project.
func (w *beside) hold() *filelock.Lock {
	w.t.Helper()
	held, err := filelock.Acquire(w.t.Context(), w.path(".gal", "lock"), filelock.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	return held
}

// meet runs a command while the project is held, does something once it waits, and lets it go on; it returns its exit code and
// what it has said.
func (w *beside) meet(command string, meanwhile func()) (code int, text string) {
	w.t.Helper()
	held := w.hold()
	c := w.command(strings.Fields(command)...)
	said, from := io.Pipe()
	c.Stderr = from
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait(); from.Close() }()
	text = waitFor(w.t, said, "waiting for another process, which is working in "+w.dir)
	meanwhile()
	held.Release()
	rest, err := io.ReadAll(said)
	if err != nil {
		w.t.Fatal(err)
	}
	<-ended // the exit code tells more
	return c.ProcessState.ExitCode(), text + string(rest)
}

func (w *beside) must(args ...string) {
	w.t.Helper()
	if out, err := w.command(args...).CombinedOutput(); err != nil {
		w.t.Fatalf("gal-pkg %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// waitFor reads until a text has come, and returns all that has.
func waitFor(t *testing.T, from io.Reader, text string) string {
	t.Helper()
	var all []byte
	for buf := make([]byte, 4<<10); !bytes.Contains(all, []byte(text)); {
		n, err := from.Read(buf)
		if all = append(all, buf[:n]...); err != nil {
			t.Fatalf("%v before %q:\n%s", err, text, all)
		}
	}
	return string(all)
}
