package gitindex_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// line frames one line of git's protocol.
func line(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }

// answer frames a pack as the server of a fetch of v2 does.
func answer(pack []byte) []byte {
	var b bytes.Buffer
	b.WriteString(line("packfile\n"))
	for len(pack) > 0 {
		n := min(len(pack), 60_000)
		b.WriteString(line("\x01" + string(pack[:n])))
		pack = pack[n:]
	}
	b.WriteString("0000")
	return b.Bytes()
}

// packOf lets git pack objects that it is named, or with thin set a range of commits as differences.
func packOf(t *testing.T, dir, names string, args ...string) []byte {
	cmd := gittest.Command(dir, append([]string{"pack-objects", "-q", "--stdout", "--delta-base-offset"}, args...)...)
	cmd.Stdin = strings.NewReader(names)
	pack, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return pack
}

// listing is what a store's folder holds, but for locks.
func listing(t *testing.T, dir string) string {
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".lock") {
			return err
		}
		info, err := d.Info()
		if err == nil {
			fmt.Fprintf(&all, "%s %d\n", strings.TrimPrefix(path, dir), info.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// lieTo makes a server answer fetches that have the word in them with what lie makes of the true answer.
func (s *server) lieTo(word string, lie func(truth []byte) []byte) {
	s.setDoor(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		var body bytes.Buffer
		body.ReadFrom(r.Body)
		r.Body = readCloser{bytes.NewReader(body.Bytes())}
		if !strings.Contains(body.String(), "want ") || !strings.Contains(body.String(), word) {
			next.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
		w.Write(lie(rec.Body.Bytes()))
	})
}

// TestLyingServer: whatever a server sends instead of the truth is refused, at the first fetch and at a later one, with
// nothing kept; and of one that lies only about differences, the whole is fetched.
func TestLyingServer(t *testing.T) { bothWays(t, testLyingServer) }

func testLyingServer(t *testing.T, folders bool) {
	files := index(200)
	repo, first := gittest.Repo(t, "dist", files)
	limit(t, repo, folders)
	second := gittest.Commit(t, repo, "dist", map[string]string{name(1): "changed", name(2): "changed"})
	dir := repo.Dir()
	tree := gittest.Run(t, dir, "rev-parse", second.String()+":index/p1")
	lists := func(without string) string {
		var kept strings.Builder
		for l := range strings.Lines(gittest.Run(t, dir, "rev-list", "--objects", "--no-object-names", "--filter=blob:none", "--max-count=1", second.String()) + "\n") {
			if strings.TrimSpace(l) != without {
				kept.WriteString(l)
			}
		}
		return kept.String()
	}
	const other = "refs/heads/other"
	if err := repo.CompareAndSwap(other, gitrepo.Hash{}, first); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("a line that is in the base and nowhere else\n", 100)
	base := gittest.Commit(t, repo, "other", map[string]string{"x": noise(5000) + long})
	strange := gittest.Commit(t, repo, "other", map[string]string{"x": noise(5000) + long + "1"})
	blobTree := gittest.Input(t, dir, "100644 blob "+gittest.Run(t, dir, "rev-parse", second.String()+":registry.toml")+"\tx\n", "mktree")
	lies := map[string]func([]byte) []byte{
		"cut in half":        func(b []byte) []byte { return b[:len(b)/2] },
		"nothing":            func([]byte) []byte { return nil },
		"no end":             func(b []byte) []byte { return b[:len(b)-4] },
		"a bit":              func(b []byte) []byte { b[len(b)-40] ^= 4; return b },
		"another pack":       func([]byte) []byte { return answer(packOf(t, dir, blobTree+"\n")) },
		"an empty pack":      func([]byte) []byte { return answer(packOf(t, dir, "")) },
		"without a folder":   func([]byte) []byte { return answer(packOf(t, dir, lists(tree))) },
		"without the commit": func([]byte) []byte { return answer(packOf(t, dir, lists(second.String()))) },
		"differences to what?": func([]byte) []byte {
			return answer(packOf(t, dir, strange.String()+"\n^"+base.String()+"\n", "--thin", "--revs"))
		},
		"a page":   func([]byte) []byte { return []byte("<html>login</html>") },
		"an error": func([]byte) []byte { return []byte(line("ERR go away \x1b[2J\n")) },
		"an error in the pack": func(b []byte) []byte {
			return append([]byte(line("packfile\n")+line("\x01PACK")), line("\x03no \x1b[2J\n")...)
		},
		"endless": func([]byte) []byte {
			return append([]byte(line("packfile\n")), strings.Repeat(line("\x02"+noise(60_000)), 100)...)
		},
		"sections without end": func([]byte) []byte { return []byte(strings.Repeat(line("shallow x\n"), 200_000)) },
	}
	for what, lie := range lies {
		srv := newServer(t, repo)
		options := gitindex.Options{URL: srv.url, MaxPackBytes: 1 << 20}

		folder := t.TempDir()
		srv.lieTo("filter "+map[bool]string{true: "blob:none", false: ""}[folders], lie)
		s := open(t, folder, options)
		_, err := s.Refresh(t.Context())
		mustRefuse(t, what+", first", err)
		if left := listing(t, folder); s.Revision() != "" || left != "" {
			t.Errorf("%s: at %q, with %s", what, s.Revision(), left)
		}

		gittest.Run(t, dir, "update-ref", "refs/heads/dist", first.String())
		srv.setDoor(nil)
		refresh(t, s, true)
		fetch(t, s, files, name(1), name(3))
		before := listing(t, folder)
		gittest.Run(t, dir, "update-ref", "refs/heads/dist", second.String())
		srv.lieTo("filter "+map[bool]string{true: "blob:none", false: ""}[folders], lie)
		_, err = s.Refresh(t.Context())
		mustRefuse(t, what+", later", err)
		if after := listing(t, folder); s.Revision() != first.String() || after != before {
			t.Errorf("%s: at %s, with\n%sbefore\n%s", what, s.Revision(), after, before)
		}
		fetch(t, s, files, name(1))

		srv.lieTo("have ", lie)
		_, err = s.Refresh(t.Context())
		if fault.IsCode(err, "git-bad-pack") && !errors.Is(err, gitrepo.ErrTooLarge) {
			t.Errorf("%s, about differences only: %v", what, err)
		}
		if err == nil {
			fetch(t, s, map[string]string{name(1): "changed", name(3): files[name(3)]}, name(1), name(3))
		}
		srv.setDoor(nil)
		if _, err := s.Refresh(t.Context()); err != nil {
			t.Errorf("%s: after the lies: %v", what, err)
		}
		fetch(t, s, map[string]string{name(1): "changed", name(3): files[name(3)]}, name(1), name(3))
		gittest.Fsck(t, generation(t, folder))
	}
}

func mustRefuse(t *testing.T, what string, err error) {
	t.Helper()
	if kind := fault.KindOf(err); kind != fault.Integrity && kind != fault.Network || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%s: %q", what, err)
	}
}

// TestLyingAboutFiles: of files that were asked for, none of another content is taken, and a pack with them is one of
// objects that nobody asks for again.
func TestLyingAboutFiles(t *testing.T) { bothWays(t, testLyingAboutFiles) }

func testLyingAboutFiles(t *testing.T, folders bool) {
	files := index(20)
	repo, first := gittest.Repo(t, "dist", files)
	limit(t, repo, folders)
	srv := newServer(t, repo)
	s := open(t, t.TempDir(), gitindex.Options{URL: srv.url})
	refresh(t, s, true)
	srv.lieTo("", func([]byte) []byte {
		return answer(packOf(t, repo.Dir(), gittest.Run(t, repo.Dir(), "rev-parse", first.String()+":"+name(2))+"\n"))
	})
	if _, err := s.Fetch(t.Context(), []string{name(1)}); !fault.IsCode(err, "git-bad-pack") {
		t.Errorf("%v", err)
	}
	srv.setDoor(nil)
	fetch(t, s, files, name(1), name(2))
}
