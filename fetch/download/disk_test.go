package download

import (
	"os"
	"os/exec"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/needs"
)

// TestFullDisk fetches into a file system that is too small, and again once it is large enough.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "gal-test", dir).CombinedOutput(); err != nil {
		needs.Missing(t, "the right to mount: %s", out)
	}
	t.Cleanup(func() { exec.Command("umount", dir).Run() })
	h, _ := newHost(t, 0)
	items := []Item{h.add(t, "small", 1000), h.add(t, "large", 100_000)}
	o := patient(t, options(t, dir))
	_, err := Fetch(t.Context(), items, o)
	if !fault.IsCode(err, "disk-full") || fault.KindOf(err) != fault.Manifest {
		t.Errorf("got %v", err)
	}
	empty(t, o.Cache)
	if out, err := exec.Command("mount", "-o", "remount,size=1m", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := Fetch(t.Context(), items, patient(t, options(t, dir))); err != nil {
		t.Fatal(err)
	}
	sound(t, o.Cache, items)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 5 {
		t.Errorf("cache holds %v: %v", entries, err)
	}
}
