package audit_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/translog"
	"github.com/geeknik/gal-pkg/tools/audit"
	"github.com/geeknik/gal-pkg/tools/build"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// tree is a published tree; whoever vouches for it has all keys.
type tree map[string][]byte

// history is a registry of some packages by one publisher, and a second publisher who owns nothing.
func history(t *testing.T, packages int) tree {
	t.Helper()
	key, err := translog.GenerateKey(rand.Reader, sitetest.ID)
	if err != nil {
		t.Fatal(err)
	}
	b, err := build.New(sitetest.ID, build.Empty{}, 0, key)
	if err != nil {
		t.Fatal(err)
	}
	add := func(l *index.Line, err error) {
		t.Helper()
		if err == nil {
			err = b.Append(l, sitetest.Now)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ada, grace := sitetest.Author(t, "ada"), sitetest.Author(t, "grace")
	add(ada.Register(sitetest.ID, "", nil))
	add(grace.Register(sitetest.ID, "", nil))
	for i := range packages {
		name := fmt.Sprintf("package-%03d", i)
		for _, v := range []string{"1.0.0", "1.1.0"} {
			p, err := b.Package(name)
			if err != nil {
				t.Fatal(err)
			}
			add(ada.Publish(sitetest.ID, p, &publish.Draft{Name: name, Publish: &index.Publish{
				Version: version.MustParse(v), Checksum: index.DigestOf([]byte(name)), Size: 10, Unpacked: 10, License: "MIT"}}))
		}
	}
	out, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	files := tree(out.Files)
	files[index.ConfigPath] = []byte("id = \"" + sitetest.ID + "\"\nname = \"Tests\"\nformat = 1\n")
	if files[index.TrustedRootPath], err = sign.FormatTrustedRoot([]sign.TrustedLog{{Key: key.Verifier(), Start: sitetest.Now}}); err != nil {
		t.Fatal(err)
	}
	return files
}

// full audits a tree from a folder; where named is false, as a host does that tells no names.
func (t tree) full(tb testing.TB, named bool) (*audit.Report, error) {
	tb.Helper()
	dir := tb.TempDir()
	for path, data := range t {
		file := filepath.Join(dir, filepath.FromSlash(path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, data, 0o644)); err != nil {
			tb.Fatal(err)
		}
	}
	transport, err := index.OpenDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	defer transport.Close()
	o, err := audit.Open(tb.Context(), transport, index.Options{Now: sitetest.Now})
	if err != nil {
		return nil, err
	}
	if named {
		if o.Paths, err = audit.ListDir(os.DirFS(dir)); err != nil {
			tb.Fatal(err)
		}
	}
	return audit.Full(tb.Context(), o)
}

// TestFindings does things to a registry with all of its keys, so that its metadata vouches for them.
func TestFindings(t *testing.T) {
	const packages = 300 // more than a batch, more than a tile
	good := history(t, packages)
	one, two := index.PackagePath("package-001"), index.PackagePath("package-002")
	lines := func(path string) [][]byte { return bytes.SplitAfter(good[path], []byte("\n")) } // stamp, line, stamp, line, ""
	for _, row := range []struct {
		what string
		do   func(tree)
		want string // codes of the findings, in order
	}{
		{"nothing", func(tree) {}, ""},
		{"a line left out", func(f tree) { f[one] = bytes.Join(lines(one)[:2], nil) }, audit.NoLine},
		{"a package left out", func(f tree) { delete(f, one) }, audit.NoLine + " " + audit.NoLine},
		{"a publisher left out who owns nothing", func(f tree) { delete(f, index.PublisherPath("grace")) }, audit.NoLine},
		{"a line altered", func(f tree) { f[one] = bytes.Replace(f[one], []byte(`"size":10`), []byte(`"size":11`), 1) },
			audit.NoLine + " " + audit.LineDead + " " + audit.NotLogged + " " + audit.BadSignature},
		{"the last line altered", func(f tree) {
			l := lines(one)
			f[one] = bytes.Join([][]byte{l[0], l[1], l[2], bytes.Replace(l[3], []byte(`"size":10`), []byte(`"size":11`), 1)}, nil)
		}, audit.NoLine + " " + audit.NotLogged + " " + audit.BadSignature},
		{"a line in the place of another", func(f tree) {
			l := lines(one)
			f[one] = bytes.Join([][]byte{l[0], l[1], bytes.Replace(l[2], []byte(`"log":5}`), []byte(`"log":9}`), 1), l[3]}, nil)
		}, audit.NoLine + " " + audit.NotLogged},
		{"a line twice", func(f tree) {
			f[two] = slices.Concat(f[two], []byte(`{"v":1,"at":"2026-03-01T12:00:00Z","log":999}`+"\n"), lines(two)[3])
		}, audit.LineDead},
		{"a line that is none", func(f tree) { f[two] = append(bytes.Clone(f[two]), "{}\n"...) }, audit.LineBad},
		{"a file of another package", func(f tree) { f[two] = f[one] }, strings.Repeat(audit.NoLine+" ", 2) + audit.LineDead + " " + audit.LineDead},
	} {
		t.Run(row.what, func(t *testing.T) {
			files := maps.Clone(good)
			row.do(files)
			sitetest.Files(files).Vouch(t)
			report, err := files.full(t, true)
			if err != nil {
				t.Fatal(err)
			}
			var codes []string
			for _, f := range report.Findings {
				codes = append(codes, f.Code)
			}
			if got := strings.Join(codes, " "); got != row.want || report.Sound() != (row.want == "") {
				t.Errorf("found %q, want %q: %+v", got, row.want, report.Findings)
			}
		})
	}
}

// TestWithoutNames: a host that tells no names hides who owns nothing; that is said, and is no finding.
func TestWithoutNames(t *testing.T) {
	files := history(t, 3)
	sitetest.Files(files).Vouch(t)
	report, err := files.full(t, false)
	if err != nil || !report.Sound() || report.Unnamed != 1 || report.Packages != 3 || report.Publishers != 1 || report.Lines != 7 {
		t.Fatalf("%+v, %v", report, err)
	}
	files["allowed_signers"] = []byte("grace,ada namespaces=\"git\" ecdsa-sha2-nistp256 AAAA\n../x y\n")
	report, err = files.full(t, false)
	if err != nil || !report.Sound() || report.Unnamed != 0 || report.Publishers != 2 || report.Lines != 8 || report.Leaves != 8 {
		t.Fatalf("%+v, %v", report, err)
	}
	delete(files, index.LogDir+"tile/entries/000.p/8")
	if _, err := files.full(t, true); !fault.IsCode(err, "log-incomplete") {
		t.Errorf("without the log's leaves: %v", err)
	}
}

// TestOneWrongAnswer: a tile that a host has shown wrong once is asked for again, although tiles never change.
func TestOneWrongAnswer(t *testing.T) {
	shown := history(t, 3)
	sitetest.Files(shown).Vouch(t)
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, ok := shown[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	}))
	t.Cleanup(host.Close)
	cache := t.TempDir()
	full := func() error {
		client, err := web.New(web.Options{})
		if err != nil {
			t.Fatal(err)
		}
		transport, err := index.NewStatic(client, host.URL, cache, false)
		if err != nil {
			t.Fatal(err)
		}
		o, err := audit.Open(t.Context(), transport, index.Options{Now: sitetest.Now})
		if err != nil {
			t.Fatal(err)
		}
		_, err = audit.Full(t.Context(), o)
		return err
	}
	for _, tile := range []string{"tile/entries/000.p/8", "tile/0/000.p/8"} {
		path := index.LogDir + tile
		right := shown[path]
		shown[path] = bytes.Clone(right)
		shown[path][3] ^= 1
		if err := full(); fault.KindOf(err) != fault.Integrity {
			t.Fatalf("%s with a flipped bit: %v", tile, err)
		}
		if shown[path] = right; full() != nil {
			t.Errorf("%s: afterwards the true registry is refused: %v", tile, full())
		}
		cache = t.TempDir()
	}
}
