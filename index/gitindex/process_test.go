package gitindex_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// TestMain lets the test program be a client process of its own: it refreshes the store in the folder, fetches the paths
// and prints the revision.
func TestMain(m *testing.M) {
	if args := strings.Fields(os.Getenv("GITINDEX_TEST_CLIENT")); len(args) > 0 {
		if err := client(args[0], args[1], args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func client(dir, url string, paths []string) error {
	s, err := gitindex.Open(dir, gitindex.Options{URL: url})
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.Refresh(context.Background()); err != nil {
		return err
	}
	files, err := s.Fetch(context.Background(), paths)
	if err == nil && len(files) != len(paths) {
		err = fmt.Errorf("%d files of %d", len(files), len(paths))
	}
	fmt.Print(s.Revision())
	return err
}

func clientProcess(dir, url string, paths ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GITINDEX_TEST_CLIENT="+strings.Join(append([]string{dir, url}, paths...), " "))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

func TestProcessesShareAStore(t *testing.T) {
	files := index(100)
	repo, head := gittest.Repo(t, "dist", files)
	srv := newServer(t, repo)
	dir := t.TempDir()
	for round := range 3 {
		var cmds []*exec.Cmd
		var outs []*bytes.Buffer
		for i := range 5 {
			cmd, out := clientProcess(dir, srv.url, name(i), name(20+i+5*round), name(50))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			cmds, outs = append(cmds, cmd), append(outs, out)
		}
		for i, cmd := range cmds {
			if err := cmd.Wait(); err != nil || outs[i].String() != head.String() {
				t.Errorf("round %d, process %d: %v, %s, want %s", round, i, err, outs[i], head)
			}
		}
		// Whoever came first has fetched the folders; the others have waited and used them.
		if n := strings.Count(srv.deepened(), "deepen 1"); n != 1 {
			t.Errorf("round %d: the folders were fetched %d times", round, n)
		}
		gittest.Fsck(t, generation(t, dir))
		head = gittest.Commit(t, repo, "dist", map[string]string{"round": fmt.Sprint(round)})
	}
}

// deepened returns the bodies of the requests since the last call.
func (s *server) deepened() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Join(s.sent, "\n")
	s.log, s.sent = nil, nil
	return all
}

// TestKilledInTheMiddle kills a client while it receives: half of the folders, then half of the files.
func TestKilledInTheMiddle(t *testing.T) {
	files := index(500)
	repo, first := gittest.Repo(t, "dist", files)
	srv := newServer(t, repo)
	dir := t.TempDir()
	kill := func(when string) {
		t.Helper()
		half := make(chan struct{})
		srv.setDoor(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			var body bytes.Buffer
			body.ReadFrom(r.Body)
			r.Body = readCloser{bytes.NewReader(body.Bytes())}
			if r.Method != http.MethodPost || strings.Contains(body.String(), "deepen 1") != (when == "folders") {
				next.ServeHTTP(w, r)
				return
			}
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
			w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
			http.NewResponseController(w).Flush()
			close(half)
			<-r.Context().Done()
		})
		cmd, out := clientProcess(dir, srv.url, name(1), name(2), name(3))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-half
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if cmd.Wait() == nil {
			t.Errorf("%s: it was not killed: %s", when, out)
		}
		srv.setDoor(nil)
	}
	kill("folders")
	s := open(t, dir, gitindex.Options{URL: srv.url})
	if s.Revision() != "" {
		t.Errorf("at %s after half a refresh", s.Revision())
	}
	refresh(t, s, true)
	s.Close()
	gittest.Commit(t, repo, "dist", map[string]string{"more": "1"})
	kill("folders")
	s = open(t, dir, gitindex.Options{URL: srv.url})
	if s.Revision() != first.String() {
		t.Errorf("at %s, was at %s", s.Revision(), first)
	}
	refresh(t, s, true)
	kill("files")
	refresh(t, s, false)
	fetch(t, s, files, name(1), name(2), name(3), name(499))
	gittest.Fsck(t, generation(t, dir))
}
