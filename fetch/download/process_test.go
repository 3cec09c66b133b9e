package download

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/internal/needs"
	"github.com/geeknik/gal-pkg/internal/web"
)

// childEnv makes the test binary run one Fetch and nothing else: {"dir","items"} in JSON.
const childEnv = "GAL_TEST_FETCH_CHILD"

type childTask struct {
	Dir   string
	Items []Item
}

func TestMain(m *testing.M) {
	task := os.Getenv(childEnv)
	if task == "" {
		os.Exit(m.Run())
	}
	if err := runChild(task); err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
}

func runChild(text string) error {
	var task childTask
	if err := json.Unmarshal([]byte(text), &task); err != nil {
		return err
	}
	client, err := web.New(web.Options{Timeout: time.Minute})
	if err != nil {
		return err
	}
	c, err := cache.NewCache(task.Dir, fetch.Events{})
	if err != nil {
		return err
	}
	_, err = Fetch(context.Background(), task.Items, Options{Client: client, Cache: c})
	return err
}

// child starts one, below the program and arguments of under where there are any.
func child(t testing.TB, task childTask, under ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	text, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	args := append(under, os.Args[0])
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

func TestSixteenProcessesOnOneCache(t *testing.T) {
	h, items := newHost(t, 15)
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 16 {
		cmd, out := child(t, childTask{dir, items})
		wg.Go(func() {
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	if h.requests() != len(items) {
		t.Errorf("%d requests for %d archives", h.requests(), len(items))
	}
	sound(t, options(t, dir).Cache, items)
}

// TestKilledAtAnyMoment kills a process that fetches, at a random moment, again and again on the same cache; whatever it
// left, the next one must end well and find everything as it must be.
func TestKilledAtAnyMoment(t *testing.T) {
	h, items := newHost(t, 25)
	rounds := 40
	if testing.Short() {
		rounds = 8
	}
	r := rand.New(rand.NewPCG(11, 13))
	dir := t.TempDir()
	killed := 0
	for range rounds {
		if r.IntN(4) == 0 {
			if _, err := options(t, dir).Cache.Clean(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		cmd, _ := child(t, childTask{dir, items})
		time.Sleep(time.Duration(r.IntN(60)) * time.Millisecond)
		if err := cmd.Process.Kill(); err == nil {
			killed++
		}
		cmd.Wait()
		o := patient(t, options(t, dir))
		if _, err := Fetch(t.Context(), items, o); err != nil {
			t.Fatal(err)
		}
		sound(t, o.Cache, items)
		// Half of what was made goes again, so that the next one has work.
		for _, item := range items {
			if tree, err := o.Cache.TreePath(item); err == nil && r.IntN(2) == 0 {
				if err := os.RemoveAll(tree); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if killed == 0 || h.requests() == 0 {
		t.Error("nothing was killed")
	}
}

// TestKilledAtEveryStep kills a process at its nth call of each kind that changes the cache. Unlike random moments these
// hit the gaps between two renames.
func TestKilledAtEveryStep(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	strace := needs.Program(t, "strace", "strace")
	_, items := newHost(t, 3)
	killed, whole := 0, 0
	for _, call := range []string{"/^rename", "/^mkdir", "/^unlink", "flock", "/^write", "/^openat"} {
		for n := 1; n <= 16; n++ {
			// Beyond the first dozen most files of the system's own start are open.
			nth := n
			if call == "/^openat" {
				nth = 3 * n
			}
			dir := t.TempDir()
			cmd, out := child(t, childTask{dir, items}, strace, "-f", "-qq", "-o", os.DevNull, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, nth))
			if cmd.Wait() == nil {
				whole++
			} else {
				killed++
			}
			if bytes.Contains(out.Bytes(), []byte("ptrace")) {
				needs.Missing(t, "the right to trace: %s", out)
			}
			o := patient(t, options(t, dir))
			if _, err := Fetch(t.Context(), items, o); err != nil {
				t.Fatalf("after %s %d: %v", call, nth, err)
			}
			sound(t, o.Cache, items)
		}
	}
	if killed < 20 || whole == 0 {
		t.Errorf("killed %d, ended by themselves %d: the calls are not the right ones", killed, whole)
	}
	t.Logf("killed %d, ended by themselves %d", killed, whole)
}

// TestErrorsOfTheSystem lets the nth call of each kind that changes the cache fail, once and then for good. The process
// says so and keeps nothing that is not whole, or does without; the next one works.
func TestErrorsOfTheSystem(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	strace := needs.Program(t, "strace", "strace")
	_, items := newHost(t, 3)
	failed, whole := 0, 0
	for _, call := range []string{"/^rename", "/^mkdir", "/^unlink", "flock", "fcntl", "/^write", "/^fchmod"} {
		for _, code := range []string{"ENOSPC", "EIO", "EROFS", "EACCES", "ENOLCK"} {
			if (code == "ENOLCK") != (call == "flock" || call == "fcntl") {
				continue
			}
			whens := []string{"1", "4", "1+"}
			if call == "fcntl" {
				whens = []string{"4", "5", "4+"} // Go's runtime looks at the three standard files before main
			}
			for _, when := range whens {
				dir := t.TempDir()
				cmd, out := child(t, childTask{dir, items}, strace, "-f", "-qq", "-o", os.DevNull, "-e", "inject="+call+":error="+code+":when="+when)
				if cmd.Wait() == nil {
					whole++
				} else {
					failed++
				}
				if bytes.Contains(out.Bytes(), []byte("ptrace")) {
					needs.Missing(t, "the right to trace: %s", out)
				}
				// The write with which Go's runtime wakes itself is not ours to survive.
				own := bytes.Contains(out.Bytes(), []byte("runtime: netpollBreak"))
				if !own && (bytes.Contains(out.Bytes(), []byte("panic")) || bytes.Contains(out.Bytes(), []byte("goroutine "))) {
					t.Errorf("%s %s %s: %s", call, code, when, out)
				}
				o := patient(t, options(t, dir))
				if _, err := Fetch(t.Context(), items, o); err != nil {
					t.Fatalf("after %s %s %s: %v", call, code, when, err)
				}
				sound(t, o.Cache, items)
			}
		}
	}
	if failed < 6 || whole < 4 {
		t.Errorf("failed %d, ended well %d: the calls are not the right ones", failed, whole)
	}
	t.Logf("failed %d, ended well %d", failed, whole)
}
