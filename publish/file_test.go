package publish_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// registration is a proposal file of a newcomer's first publish, and its draft.
func registration(t testing.TB) (*publish.File, *publish.Draft) {
	ada, draft := sitetest.Author(t, "ada"), sitetest.Draft(t, "mailbox", "1.0.0", "")
	return &publish.File{Registry: sitetest.ID, Lines: []*index.Line{
		sitetest.Line(t)(ada.Register(sitetest.ID, "ada@example.org", nil)),
		sitetest.Line(t)(ada.Publish(sitetest.ID, nil, draft)),
	}}, draft
}

func TestFile(t *testing.T) {
	f, _ := registration(t)
	again, err := publish.ParseFile("x", f.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if again.Registry != f.Registry || len(again.Lines) != 2 || again.Lines[1].Digest() != f.Lines[1].Digest() {
		t.Errorf("%+v", again)
	}
	if got := f.Name(); got != "mailbox-1.0.0.proposal" {
		t.Errorf("name %s", got)
	}
	f.Lines = f.Lines[:1]
	if got, want := f.Name(), "ada-register-"+f.Lines[0].Digest().Hex()[:8]+".proposal"; got != want {
		t.Errorf("name %s, want %s", got, want)
	}
}

// TestFileRefused: a proposal file has one spelling.
func TestFileRefused(t *testing.T) {
	f, _ := registration(t)
	good := string(f.Bytes())
	head, lines, _ := strings.Cut(good, "\n")
	for name, text := range map[string]string{
		"empty":               "",
		"no head":             lines,
		"no line":             head + "\n",
		"a head of later":     strings.Replace(good, `{"v":1,"registry"`, `{"v":2,"registry"`, 1),
		"another member":      strings.Replace(good, `"}`, `","more":1}`, 1),
		"no registry's id":    strings.Replace(good, sitetest.ID, "Not An ID", 1),
		"a quote in the id":   strings.Replace(good, sitetest.ID, `a\"b`, 1),
		"no end":              strings.TrimSuffix(good, "\n"),
		"a blank line":        good + "\n",
		"carriage returns":    strings.ReplaceAll(good, "\n", "\r\n"),
		"a space":             strings.Replace(good, `,"event"`, `, "event"`, 1),
		"a line of later":     strings.Replace(good, `{"v":1,"event":"publish"`, `{"v":2,"event":"publish"`, 1),
		"more lines than fit": head + "\n" + strings.Repeat(lines, publish.MaxLines/2) + lines,
	} {
		if _, err := publish.ParseFile("x", []byte(text)); !fault.IsCode(err, "bad-proposal") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := publish.LoadFile(filepath.Join(t.TempDir(), "nothing")); !fault.IsCode(err, "proposal-unreadable") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestArchives(t *testing.T) {
	f, draft := registration(t)
	dir := t.TempDir()
	if _, err := f.Archives(dir); !fault.IsCode(err, "archive-missing") {
		t.Errorf("before it is there: %v", err)
	}
	path, err := draft.WriteArchive(dir)
	if err != nil {
		t.Fatal(err)
	}
	archives, err := f.Archives(dir)
	if err != nil || len(archives) != 1 || !bytes.Equal(archives[0].Bytes, draft.Archive.Bytes) || archives[0].Digest != draft.Archive.Digest {
		t.Errorf("%d archives, %v", len(archives), err)
	}
	data := bytes.Clone(draft.Archive.Bytes)
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Archives(dir); fault.KindOf(err) != fault.Integrity {
		t.Errorf("one bit is another: %v", err)
	}
}

// FuzzParseFile: what is accepted is written again byte for byte, and every line passes its check.
func FuzzParseFile(f *testing.F) {
	file, _ := registration(f)
	f.Add(file.Bytes())
	f.Add([]byte("{\"v\":1,\"registry\":\"registry.test\"}\n"))
	f.Add(bytes.ReplaceAll(file.Bytes(), []byte("ada"), []byte("a_a")))
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := publish.ParseFile("x", data)
		if err != nil {
			return
		}
		if !bytes.Equal(parsed.Bytes(), data) {
			t.Errorf("comes out as\n%s", parsed.Bytes())
		}
		for _, l := range parsed.Lines {
			if err := l.Check(); err != nil {
				t.Error(err)
			}
		}
	})
}
