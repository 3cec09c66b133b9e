package project

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/internal/failpoint"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// fleet is a workspace of which both manifests are edited: what it has on disk, and what it is to have.
func fleet(t *testing.T) (p *Project, before, after map[string]string) {
	t.Helper()
	dir := t.TempDir()
	before = map[string]string{
		"gal.toml":   "[workspace]\nmembers = [\"b\"]\n\n[workspace.dependencies]\nmailbox = \"1\"\n",
		"b/gal.toml": "[package]\nname = \"b\"\nversion = \"0.1.0\"\n\n[dependencies]\nretry = \"0.3\"\n",
	}
	after = map[string]string{}
	for name, text := range before {
		after[name] = strings.NewReplacer(`"1"`, `"2"`, `"0.3"`, `"0.4"`).Replace(text)
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	p.Current.text = []byte(after["b/gal.toml"])
	root := p.rootText()
	root.text = []byte(after["gal.toml"])
	if err := p.reread(root); err != nil {
		t.Fatal(err)
	}
	return p, before, after
}

func holds(t *testing.T, p *Project, want map[string]string) {
	t.Helper()
	for name, text := range want {
		if got, err := os.ReadFile(filepath.Join(p.Dir, name)); err != nil || string(got) != text {
			t.Errorf("%s is %q, %v, not %q", name, got, err, text)
		}
	}
	if _, err := os.Lstat(p.editsPath()); err == nil {
		t.Error("the note of the edits is still there")
	}
}

// TestWriteAllOrNone has the disk refuse every file that a write makes, one after the other: then none of them has changed.
func TestWriteAllOrNone(t *testing.T) {
	for step := 1; ; step++ {
		p, before, after := fleet(t)
		at, refused := 0, ""
		stop := failpoint.Rehearse(func(_ failpoint.Point, file string) error {
			if at++; at == step {
				refused = p.rel(file)
				return syscall.ENOSPC
			}
			return nil
		})
		err := p.Write(t.Context(), locked(&manifest.Lock{Version: 1}), fetch.Events{})
		stop()
		if at < step {
			if err != nil {
				t.Fatal(err)
			}
			holds(t, p, after)
			if step < 9 { // the note, two manifests and the lock, each made and written
				t.Errorf("only %d steps", step-1)
			}
			return
		}
		if f := fault.Of(err); !fault.IsCode(err, "not-writable") || f.Message != refused+" cannot be written" || len(f.Help) != 1 {
			t.Errorf("at step %d, of %s: %v", step, refused, err)
		}
		holds(t, p, before)
		if _, err := os.Lstat(p.LockPath()); err == nil {
			t.Errorf("at step %d: gal.lock is there", step)
		}
	}
}

// TestWriteChangedMeanwhile edits each of the manifests while they are worked on; also where the lock alone is to be written, and
// where that is right as it is and is only noted to be so.
func TestWriteChangedMeanwhile(t *testing.T) {
	for _, name := range []string{"gal.toml", "b/gal.toml"} {
		p, before, _ := fleet(t)
		q, err := OpenFile(filepath.Join(p.Dir, "b", "gal.toml"))
		if err != nil {
			t.Fatal(err)
		}
		before[name] += "mine = 1\n"
		if err := os.WriteFile(filepath.Join(p.Dir, name), []byte(before[name]), 0o644); err != nil {
			t.Fatal(err)
		}
		err = p.Write(t.Context(), locked(&manifest.Lock{Version: 1}), fetch.Events{})
		if !fault.IsCode(err, "changed-meanwhile") || !strings.HasPrefix(err.Error(), name+" ") {
			t.Errorf("%s: %v", name, err)
		}
		if err := q.Write(t.Context(), locked(&manifest.Lock{Version: 1}), fetch.Events{}); !fault.IsCode(err, "changed-meanwhile") {
			t.Errorf("the lock beside %s: %v", name, err)
		}
		if err := q.WithLock(locked(&manifest.Lock{Version: 1})).RecordLock(); !fault.IsCode(err, "changed-meanwhile") {
			t.Errorf("a note of the lock beside %s: %v", name, err)
		}
		holds(t, p, before)
		if _, err := os.Lstat(p.LockPath()); err == nil {
			t.Errorf("beside %s: gal.lock is there", name)
		}
	}
}

// TestWriteBeside stops a writer halfway, and has another one begin: that waits, and then says that it came too late.
func TestWriteBeside(t *testing.T) {
	for _, row := range []struct {
		what  string
		write func(p *Project, events fetch.Events) error
	}{
		{"a manifest and the lock", func(p *Project, events fetch.Events) error {
			next, err := p.WithManifest([]byte("[package]\nname = \"b\"\nversion = \"0.2.0\"\n"))
			if err != nil {
				return err
			}
			return next.Write(t.Context(), locked(&manifest.Lock{Version: 1}), events)
		}},
		{"the lock", func(p *Project, events fetch.Events) error {
			return p.Write(t.Context(), locked(&manifest.Lock{Version: 1, Root: "b"}), events)
		}},
		{"a new member", func(p *Project, events fetch.Events) error {
			dir := filepath.Join(p.Dir, "c")
			if _, err := Init(dir, NewPackage{Name: "c"}); err != nil {
				return err
			}
			_, err := Join(t.Context(), dir, events)
			return err
		}},
	} {
		t.Run(row.what, func(t *testing.T) {
			p, _, after := fleet(t)
			q, err := OpenFile(filepath.Join(p.Dir, "b", "gal.toml"))
			if err != nil {
				t.Fatal(err)
			}
			late, waits := make(chan error, 1), make(chan bool, 1)
			var begun atomic.Bool
			stop := failpoint.Rehearse(func(_ failpoint.Point, file string) error {
				if p.rel(file) != "gal.toml" || !begun.CompareAndSwap(false, true) {
					return nil
				}
				go func() { late <- row.write(q, fetch.Events{Waiting: func(string) { waits <- true }}) }()
				select {
				case <-waits:
				case err := <-late:
					late <- err
					t.Errorf("it was written beside another: %v", err)
				}
				return nil
			})
			defer stop()
			if err := p.Write(t.Context(), locked(&manifest.Lock{Version: 1}), fetch.Events{}); err != nil {
				t.Error(err)
			}
			if err := <-late; !fault.IsCode(err, "changed-meanwhile") {
				t.Errorf("who came second: %v", err)
			}
			holds(t, p, after)
		})
	}
}

// TestInitBeside: of many that make a package in one folder, one has made it.
func TestInitBeside(t *testing.T) {
	for range 20 {
		dir, made, begin := t.TempDir(), make(chan string, 8), make(chan bool)
		var all sync.WaitGroup
		for i := range cap(made) {
			all.Go(func() {
				<-begin
				name := "p" + strconv.Itoa(i)
				if _, err := Init(dir, NewPackage{Name: name}); err == nil {
					made <- name
				} else if !fault.IsCode(err, "manifest-exists") {
					t.Error(err)
				}
			})
		}
		close(begin)
		all.Wait()
		close(made)
		name := <-made
		if p, err := Open(dir); err != nil || p.Current.Manifest.Package.Name != name || len(made) > 0 {
			t.Fatalf("%s and %d others say that they have made it: %v", name, len(made), err)
		}
	}
}

func TestHalfWritten(t *testing.T) {
	for _, test := range []struct{ name, root, member, want string }{
		{"none", "before", "before", ""},
		{"all", "after", "after", ""},
		{"the first", "after", "before", "written gal.toml, and not b/gal.toml"},
		{"the second", "before", "after", "written b/gal.toml, and not gal.toml"},
		{"edited since", "after", "# mine\n[package]\nname = \"b\"\nversion = \"0.1.0\"\n", ""},
	} {
		p, before, after := fleet(t)
		if err := p.note(p.edits()); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"gal.toml": test.root, "b/gal.toml": test.member} {
			switch text {
			case "before":
				text = before[name]
			case "after":
				text = after[name]
			}
			if err := os.WriteFile(filepath.Join(p.Dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := p.HalfWritten(); test.want == "" && got != "" || !strings.HasSuffix(got, test.want) {
			t.Errorf("%s: %q", test.name, got)
		}
		findings, err := Check(filepath.Join(p.Dir, "gal.toml"), CheckOptions{Registry: func(string) (string, error) { return "", nil }})
		told := slices.ContainsFunc(findings, func(f Finding) bool { return f.Code == "half-written" })
		if err != nil || told != (test.want != "") {
			t.Errorf("%s: a check tells: %t, %v", test.name, told, err)
		}
		if _, err := os.Lstat(p.editsPath()); err != nil {
			t.Errorf("%s: whoever only reads has removed the note of one who writes: %v", test.name, err)
		}
		p.sweep()
		if _, err := os.Lstat(p.editsPath()); (err == nil) != (test.want != "") {
			t.Errorf("%s: the note is there: %t", test.name, err == nil)
		}
		if want := map[bool]string{true: "gal-pkg lock", false: "gal-pkg update --breaking"}[test.want == ""]; p.MendLock() != want {
			t.Errorf("%s: %s mends gal.lock, not %s", test.name, want, p.MendLock())
		}
	}
}

// TestHalfWrittenOfOthers is about a note that came with the project: it names files that are no manifests of it.
func TestHalfWrittenOfOthers(t *testing.T) {
	p, _, _ := fleet(t)
	if err := p.note([]edited{{path: p.Path(p.Current), disk: p.Current.disk}, {path: "/etc/hostname"}, {path: filepath.Join(p.Dir, "../x/gal.toml")}}); err != nil {
		t.Fatal(err)
	}
	if got := p.HalfWritten(); got != "" {
		t.Error(got)
	}
}

func TestRewritten(t *testing.T) {
	p, _, _ := fleet(t)
	got, err := p.Rewritten()
	want := []Rewritten{
		{"b/gal.toml", "dependencies", "retry", "0.3", "0.4"},
		{"gal.toml", "workspace.dependencies", "mailbox", "1", "2"},
	}
	if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%v, %v", got, err)
	}
}
