package remote

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// pinning is a machine that remembers what it has seen at addresses.
type pinning struct {
	t     *testing.T
	state string
	specs map[string]Spec
	told  []string
}

func (p *pinning) set() *Set {
	return New(Options{
		Specs: p.specs, Default: "r", CacheDir: p.t.TempDir(), StateDir: p.state,
		Notice: func(format string, args ...any) { p.told = append(p.told, fmt.Sprintf(format, args...)) },
	})
}

func (p *pinning) open(address string) error {
	s := p.set()
	_, err := s.Open(p.t.Context(), address)
	if closed := s.Close(p.t.Context()); err == nil {
		err = closed
	}
	return err
}

func (p *pinning) damage(address string, text string) string {
	file := p.set().pinFile(address)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return file
}

// TestDamagedPin: an address whose pin cannot be read is not one that was never seen.
func TestDamagedPin(t *testing.T) {
	long := strings.Repeat("\x00", 2000)
	for _, text := range []string{"", "\n", long, "first.example" + long, "../pins", "First.example", "a\nb"} {
		named, bare := newTree(t, "first.example"), newTree(t, "first.example")
		p := &pinning{t: t, state: t.TempDir(), specs: map[string]Spec{"r": {Name: "r", URL: named, Trust: unsigned}, "b": {Name: "b", URL: bare, Trust: unsigned}}}
		for _, name := range []string{"r", "b"} {
			if err := p.open(name); err != nil {
				t.Fatal(err)
			}
		}
		file := p.damage(named, text)
		writeConfig(t, named, "other.example")
		err := p.open("r")
		f := fault.Of(err)
		if f == nil || f.Code != "standing-damaged" || f.Kind != fault.Integrity {
			t.Fatalf("%.20q: %v", text, err)
		}
		if told := strings.Join(append(f.Facts, f.Help...), "\n"); !strings.Contains(told, "file "+file) || !strings.Contains(told, "gal-pkg registry reset r ") {
			t.Errorf("%q", told)
		}
		// Neither does it tell that the registry has not the id that is asked for.
		delete(p.specs, "b")
		if _, err := p.set().ByID(t.Context(), "other.example"); !fault.IsCode(err, "standing-damaged") {
			t.Errorf("by id: %v", err)
		}
		// Who has no name for it is told another way.
		delete(p.specs, "r")
		if f := fault.Of(p.open(named)); f == nil || f.Code != "standing-damaged" || len(f.Help) != 1 || !strings.HasPrefix(f.Help[0], "rm "+file) {
			t.Errorf("without a name: %+v", f)
		}
		p.specs["r"] = Spec{Name: "r", URL: named, Trust: unsigned}
		if err := p.set().Forget(named, ""); err != nil {
			t.Fatal(err)
		}
		if err := p.open("r"); err != nil {
			t.Errorf("once it was forgotten: %v", err)
		}
	}
}

// TestConfiguredID: what registries.toml says of an id needs no pin.
func TestConfiguredID(t *testing.T) {
	tree := newTree(t, "first.example")
	p := &pinning{t: t, state: t.TempDir(), specs: map[string]Spec{"r": {Name: "r", URL: tree, Trust: unsigned}}}
	if err := p.open("r"); err != nil {
		t.Fatal(err)
	}
	p.damage(tree, "")
	p.specs["r"] = Spec{Name: "r", URL: tree, Trust: unsigned, ID: "first.example"}
	if err := p.open("r"); err != nil {
		t.Error(err)
	}
}

// TestForgetOne: what is known of a registry stays while another address leads to it, or might.
func TestForgetOne(t *testing.T) {
	for _, row := range []struct {
		story, id, other string
		damaged          bool
		configured       string // address of a registry whose id the configuration says, so that it needs no pin
		kept             bool
		code             string
	}{
		{"another registry", "first.example", "other.example", false, "", false, ""},
		{"the same at another address", "first.example", "first.example", false, "", true, ""},
		{"nobody knows what is at the other address", "first.example", "first.example", true, "", true, "standing-damaged"},
		{"a host is configured with its id", "first.example", "other.example", false, "https://h.example", true, ""},
		{"a copy is configured with its id", "first.example", "other.example", false, "/copy", false, ""},
		{"it is called like the folder of pins", "pins", "other.example", false, "", false, ""},
	} {
		tree, other := newTree(t, row.id), newTree(t, row.other)
		p := &pinning{t: t, state: t.TempDir(), specs: map[string]Spec{"r": {Name: "r", URL: tree, Trust: unsigned}, "o": {Name: "o", URL: other, Trust: unsigned}}}
		for _, name := range []string{"r", "o"} {
			if err := p.open(name); err != nil {
				t.Fatal(err)
			}
		}
		if row.damaged {
			p.damage(other, "")
		}
		home := p.set().homeOf(row.id)
		if _, err := os.Stat(home); err != nil {
			t.Fatal(err)
		}
		specs := map[string]Spec{"r": {Name: "r", URL: tree, ID: row.id}}
		if row.configured != "" {
			specs["c"] = Spec{Name: "c", URL: row.configured, ID: row.id}
		}
		err := New(Options{Specs: specs, CacheDir: t.TempDir(), StateDir: p.state}).Forget(tree, row.id)
		if f := fault.Of(err); (f == nil) != (row.code == "") || f != nil && f.Code != row.code || f == nil && err != nil {
			t.Errorf("%s: %v", row.story, err)
		}
		if _, err := os.Stat(home); (err == nil) != row.kept {
			t.Errorf("%s: %v", row.story, err)
		}
		if _, err := os.Stat(filepath.Join(p.state, "trust", "pins", addressKey(other))); err != nil {
			t.Errorf("%s: the pin of the other is gone: %v", row.story, err)
		}
	}
}

// TestOneAddress: an address that has several names is read under the first of them.
func TestOneAddress(t *testing.T) {
	tree := newTree(t, "first.example")
	p := &pinning{t: t, state: t.TempDir(), specs: map[string]Spec{}}
	for _, name := range []string{"a", "b", "c", "d"} {
		p.specs[name] = Spec{Name: name, URL: tree, Trust: unsigned}
	}
	for range 8 {
		if r, err := p.set().Open(t.Context(), tree); err != nil || r.Spec.Name != "a" {
			t.Fatalf("%+v, %v", r, err)
		}
	}
}
