package index_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/tools/site"
)

func catalogue() index.Catalogue {
	at := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }
	return index.Catalogue{
		{Name: "actor", Version: "1.0.0", Updated: at(1)},
		{Name: "actor-utils", Version: "1.2.3", Updated: at(5), Categories: []string{"utilities"}},
		{Name: "my-actor", Version: "0.1.0", Updated: at(4)},
		{Name: "factory", Version: "2.0.0", Updated: at(3), Description: "Makes actors."},
		{Name: "mailbox", Version: "1.0.0", Updated: at(2), Keywords: []string{"actor", "Queue"}, Categories: []string{"actor-model"}},
		{Name: "post/office", Version: "1.0.0", Updated: at(6), Description: "An actor that sorts mail."},
		{Name: "actor-old", Yanked: true, Updated: at(7)},
	}
}

func names(rows []index.SearchRow) string {
	list := make([]string, len(rows))
	for i, r := range rows {
		list[i] = r.Name
	}
	return strings.Join(list, " ")
}

func TestSearchOrder(t *testing.T) {
	for _, row := range []struct {
		query index.Query
		want  string
	}{
		// The name, its beginning, a word of it, a keyword, a description; "factory" only makes actors.
		{index.Query{Text: "actor"}, "actor actor-utils my-actor mailbox factory post/office"},
		{index.Query{Text: "ACTOR utils"}, "actor-utils"},
		{index.Query{Text: "actor_utils"}, "actor-utils"},
		{index.Query{Text: "actor", Sort: "name"}, "actor actor-utils factory mailbox my-actor post/office"},
		{index.Query{Text: "actor", Sort: "updated"}, "post/office actor-utils my-actor factory mailbox actor"},
		{index.Query{Text: "actor", IncludeYanked: true}, "actor actor-old actor-utils my-actor mailbox factory post/office"},
		{index.Query{Keyword: "queue"}, "mailbox"},
		{index.Query{Category: "utilities"}, "actor-utils"},
		{index.Query{Text: "actor", Category: "Actor-Model"}, "mailbox"},
		{index.Query{Text: "office"}, "post/office"},
		{index.Query{Text: "actor nothing"}, ""},
		{index.Query{Keyword: "queu"}, ""},
		{index.Query{Text: "mail", Keyword: "ACTOR"}, "mailbox"},
		{index.Query{Sort: "name"}, "actor actor-utils factory mailbox my-actor post/office"},
	} {
		if got := names(catalogue().Page(row.query, 1, 100).Rows); got != row.want {
			t.Errorf("%+v: %s, want %s", row.query, got, row.want)
		}
	}
}

func TestSearchSlips(t *testing.T) {
	for query, want := range map[string]string{
		"mialbox":      "mailbox",
		"mailbocks":    "",
		"actor-utlis":  "actor-utils",
		"actr utils":   "actor-utils",
		"ofice":        "post/office",
		"qeueu":        "mailbox", // a keyword
		"acter":        "actor actor-utils mailbox my-actor",
		"actor nohing": "",
		"xy":           "",
	} {
		found := catalogue().Page(index.Query{Text: query}, 1, 10)
		if got := names(found.Rows); got != want || found.Close != (want != "") || found.Total != len(found.Rows) {
			t.Errorf("%s: %s, %+v; want %s", query, got, found, want)
		}
	}
	// What is found needs no guess.
	if found := catalogue().Page(index.Query{Text: "mailbox"}, 1, 10); found.Close || names(found.Rows) != "mailbox" {
		t.Errorf("%+v", found)
	}
}

func TestPages(t *testing.T) {
	for _, row := range []struct {
		page, size int
		want       string
	}{
		{1, 4, "actor actor-utils my-actor mailbox"}, {2, 4, "factory post/office"}, {3, 4, ""}, {2, 3, "mailbox factory post/office"}, {3, 3, ""},
		{1, 100, "actor actor-utils my-actor mailbox factory post/office"}, {0, 4, ""}, {-1, 4, ""}, {1, 0, ""}, {1 << 62, 4, ""}, {2, 1 << 62, ""},
	} {
		found := catalogue().Page(index.Query{Text: "actor"}, row.page, row.size)
		if got := names(found.Rows); got != row.want || found.Total != 6 {
			t.Errorf("page %d of %d: %s of %d, want %s", row.page, row.size, got, found.Total, row.want)
		}
	}
}

// TestKeptCatalogue: a search from what is kept finds what one from the files finds, and a catalogue that is damaged is
// read again.
func TestKeptCatalogue(t *testing.T) {
	p := newPublished(t)
	p.release("mailbox", "1.1.0")
	file := filepath.Join(t.TempDir(), "catalogue")
	search := func(keep string) index.Found {
		t.Helper()
		dir, err := index.OpenDir(p.Path(site.PublicDir))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { dir.Close() })
		s, err := index.Open(t.Context(), dir, index.Options{State: func(string) (index.State, error) { return index.State{Catalogue: keep}, nil }})
		if err != nil {
			t.Fatal(err)
		}
		found, err := s.SearchPackages(t.Context(), "mailbox", 1, 10)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	want := search("")
	if want.Total != 1 || want.Rows[0].Version != "1.1.0" {
		t.Fatalf("%+v", want)
	}
	for _, state := range []string{"nothing kept", "kept", "damaged"} {
		if got := search(file); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", state, got, want)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if state == "kept" {
			data[len(data)-3] ^= 1
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := search(filepath.Join(t.TempDir(), "no", "folder")); !reflect.DeepEqual(got, want) {
		t.Errorf("where nothing can be kept: %+v, want %+v", got, want)
	}
	p.release("mailbox", "1.2.0")
	if got := search(file); got.Rows[0].Version != "1.2.0" {
		t.Errorf("after a release: %+v", got)
	}
}

// TestStaleCatalogue: a host that still shows the catalogue of a moment ago has the new one under its digest.
func TestStaleCatalogue(t *testing.T) {
	p := newPublished(t)
	p.release("mailbox", "1.1.0")
	old := map[string][]byte{}
	for _, path := range []string{index.SearchPath("mailbox"), index.SearchSums} {
		data, err := os.ReadFile(p.Path(site.PublicDir, path))
		if err != nil {
			t.Fatal(err)
		}
		old[path] = data
	}
	p.release("mailbox", "1.2.0")
	for path, data := range old {
		if err := os.WriteFile(p.Path(site.PublicDir, path), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := index.OpenDir(p.Path(site.PublicDir))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	s, err := index.Open(t.Context(), dir, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := s.SearchPackages(t.Context(), "mailbox", 1, 10); err != nil || found.Total != 1 || found.Rows[0].Version != "1.2.0" {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestSearchSums: the list is read in the one form it is written in.
func TestSearchSums(t *testing.T) {
	data := index.FormatSearchSums(map[string]listing.File{"search/00.jsonl": listing.FileOf([]byte("a")), "search/ff.jsonl": listing.FileOf(nil)})
	files, err := index.ParseSearchSums(data)
	if err != nil || len(files) != 2 || !bytes.Equal(index.FormatSearchSums(files), data) {
		t.Fatalf("%v, %v", files, err)
	}
	for _, bad := range []string{string(data) + "x", strings.Replace(string(data), "ff", "fg", 1), " " + string(data), strings.TrimSpace(string(data)), strings.Repeat(string(data), 2)} {
		if _, err := index.ParseSearchSums([]byte(bad)); fault.KindOf(err) != fault.Integrity {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
