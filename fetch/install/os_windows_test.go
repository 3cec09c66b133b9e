package install

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestMountPoint(t *testing.T) {
	got, err := mountPoint(`C:\a`)
	want := "030000a0" + "2400" + "0000" + "0000" + "1000" + "1200" + "0800" + // tag, length, and where the two are
		"5c003f003f005c0043003a005c0061000000" + "43003a005c0061000000"
	if err != nil || hex.EncodeToString(got) != want {
		t.Errorf("%x, %v", got, err)
	}
	for _, target := range []string{`\\server\share\a`, `a`, `\a`, ``} {
		if _, err := mountPoint(target); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestJunctions(t *testing.T) {
	probe := t.TempDir()
	if err := makeJunction(probe, t.TempDir()); err != nil {
		t.Skipf("there are no junctions here: %v", err)
	}
	must(t, os.Remove(probe))
	project, store := t.TempDir(), t.TempDir()
	pkgs := []Installed{pkg(t, store, "mailbox", "1.0.0", "a"), pkg(t, store, "other", "1.0.0", "b")}
	both := []string{"mailbox-1.0.0", "other-1.0.0"}
	for _, tt := range []struct {
		mode   LinkMode
		linked []string
	}{{Junction, both}, {Junction, nil}, {Copy, both}, {Junction, both}, {Hardlink, both}, {Junction, both}} {
		report, err := Link(project, pkgs, Options{Mode: tt.mode})
		if err != nil || !reflect.DeepEqual(report, Report{Linked: tt.linked, Ways: []LinkMode{tt.mode}}) {
			t.Fatalf("%s: %+v, %v", tt.mode, report, err)
		}
		if _, err := os.Stat(filepath.Join(project, PackagesDir, "mailbox-1.0.0", "src", "run")); err != nil {
			t.Errorf("%s: %v", tt.mode, err)
		}
	}
	if got := links(t, project); !reflect.DeepEqual(got, map[string]string{"mailbox-1.0.0": "mailbox-1.0.0-a", "other-1.0.0": "other-1.0.0-b"}) {
		t.Errorf("links %v", got)
	}
	if report, err := Link(project, pkgs[:1], Options{Mode: Junction}); err != nil || !reflect.DeepEqual(report.Removed, both[1:]) {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err := os.Stat(filepath.Join(pkgs[1].Tree, "gal.toml")); err != nil {
		t.Errorf("a junction was followed when it was removed: %v", err)
	}
}
