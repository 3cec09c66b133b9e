package remote_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// TestKnownIsDamaged: a copy is not used as if nothing were known against it where what is known cannot be read.
func TestKnownIsDamaged(t *testing.T) {
	m := newMoved(t)
	for _, row := range []struct {
		story         string
		lost, damaged []string // in trust/ID
		uncached      string   // in the cache of the host
		code, warning string
	}{
		{"nothing", nil, nil, "", "key-compromised", ""},
		{"what was seen, and what it folds to", []string{"folded"}, []string{"seen"}, "", "standing-damaged", ""},
		{"the standing", nil, []string{"standing"}, "", "standing-damaged", ""},
		{"the signatures that were good, and the file", []string{"verified"}, nil, "index/ma/il/mailbox", "", "what was seen of mailbox 1.1.0 is not in the cache any more"},
	} {
		m := m.again(t)
		dir := filepath.Join(m.state, "trust", sitetest.ID)
		for _, name := range row.lost {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range row.damaged {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("damaged"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if row.uncached != "" {
			found, err := filepath.Glob(filepath.Join(m.cache, "index", "*", row.uncached))
			if err != nil || len(found) != 1 || os.Remove(found[0]) != nil {
				t.Fatalf("%q, %v", found, err)
			}
		}
		set := m.set(m.copy)
		warnings, err := m.use(set, "1.1.0")
		if told := strings.Join(warnings, "\n"); code(err) != row.code || !strings.Contains(told, row.warning) || (told == "") != (row.warning == "") {
			t.Errorf("%s: %q, %v", row.story, warnings, err)
		}
		set.Close(t.Context())
	}
}

// TestSeenBeforeFolded: where it cannot be kept what was seen, nothing is kept that counts for having been held against it.
func TestSeenBeforeFolded(t *testing.T) {
	m := newMoved(t)
	m.state = t.TempDir()
	seen := filepath.Join(m.state, "trust", sitetest.ID, "seen")
	look := func() *remote.Set {
		set := m.set("")
		if _, err := m.use(set, "1.0.0"); err != nil {
			t.Fatal(err)
		}
		return set
	}
	set := look()
	if err := os.WriteFile(seen, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := set.Close(t.Context()); code(err) != "standing-damaged" {
		t.Fatalf("%v", err)
	}
	if err := os.Remove(seen); err != nil {
		t.Fatal(err)
	}
	if err := look().Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(seen)
	if err != nil || !strings.Contains(string(kept), index.PackagePath("mailbox")) {
		t.Errorf("what is read next counts for seen: %v", err)
	}
}
