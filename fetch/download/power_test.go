package download

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/cache"
)

// disk is a file system in a file, mounted. The file can be copied while it is written to: what a copy holds is what the
// disk holds when the power goes.
type disk struct{ image, dir string }

// newDisk mounts a new disk, and skips the test where that cannot be done: it needs root and loop devices, which containers
// of a CI do not always have.
func newDisk(t *testing.T) disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount a disk of its own")
	}
	base := t.TempDir()
	d := disk{filepath.Join(base, "image"), filepath.Join(base, "disk")}
	for _, step := range [][]string{
		{"truncate", "-s", "24M", d.image}, {"mkfs.ext4", "-q", "-O", "has_journal", d.image}, {"mkdir", d.dir}, {"mount", "-o", "loop,commit=1", d.image, d.dir},
	} {
		if out, err := exec.Command(step[0], step[1:]...).CombinedOutput(); err != nil {
			t.Skipf("needs a loop device with ext4: %v: %v %s", step, err, out)
		}
	}
	t.Cleanup(func() { exec.Command("umount", "--lazy", d.dir).Run() })
	return d
}

// after mounts a copy of the disk as it was, lets the system replay its journal, and runs fn on it.
func after(t *testing.T, image string, fn func(dir string)) {
	t.Helper()
	dir := image + ".dir"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-o", "loop", image, dir).CombinedOutput(); err != nil {
		t.Logf("a copy that cannot be mounted says nothing: %s", out) // the copy is not of one moment
		return
	}
	defer exec.Command("umount", "--lazy", dir).Run()
	fn(dir)
}

// TestPowerCut copies the disk again and again while archives and trees come to it. Whatever is on a copy, nothing wrong is
// ever taken from it, and a Fetch makes it whole. The trees say that they are of another start of the system, as after a
// real cut.
func TestPowerCut(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	d := newDisk(t)
	h, items := newHost(t, 40)
	_, url := faulty(t, h, "delay:20ms /**")
	images := d.film(t, at(items, url))
	looked, partial := 0, 0
	for _, image := range images {
		after(t, image, func(dir string) {
			looked++
			if midway(t, filepath.Join(dir, "cache"), items) {
				partial++
			}
			restarted(t, filepath.Join(dir, "cache"))
			o := patient(t, options(t, filepath.Join(dir, "cache")))
			if _, err := Fetch(t.Context(), items, o); err != nil {
				t.Errorf("copy %s: %v", filepath.Base(image), err)
				return
			}
			sound(t, o.Cache, items)
		})
	}
	if looked == 0 {
		t.Skip("no copy of the disk could be mounted")
	}
	t.Logf("%d copies, %d of them in the middle of something", looked, partial)
	if partial == 0 {
		t.Error("no copy was of a moment that counts")
	}
}

// film fetches to the disk slowly, and copies it every few milliseconds meanwhile.
func (d disk) film(t *testing.T, items []Item) (images []string) {
	t.Helper()
	copies := t.TempDir()
	done := make(chan struct{})
	go func() {
		defer close(done)
		o := patient(t, options(t, filepath.Join(d.dir, "cache")))
		o.Concurrency = 1
		if _, err := Fetch(t.Context(), items, o); err != nil {
			t.Error(err)
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-time.After(20 * time.Millisecond):
		}
		// The kernel writes when it likes, which on a quiet machine is late: here it does at every third copy.
		if len(images)%3 == 0 {
			exec.Command("sync", "-f", d.dir).Run()
		}
		image := filepath.Join(copies, fmt.Sprint(len(images)))
		if out, err := exec.Command("cp", "--sparse=always", d.image, image).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		images = append(images, image)
	}
	return images
}

// midway reports whether a disk has some of the archives or trees, but not all.
func midway(t *testing.T, dir string, items []Item) bool {
	t.Helper()
	c, err := cache.NewCache(dir, fetch.Events{})
	if err != nil {
		t.Fatal(err)
	}
	u, err := c.Usage()
	return err == nil && u.Blobs > 0 && (u.Blobs < len(items) || u.Trees < len(items))
}

// restarted gives the listings the id of another start of the system, with the digest that goes with it.
func restarted(t *testing.T, dir string) {
	t.Helper()
	listings, err := filepath.Glob(filepath.Join(dir, "store", "*.tree"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range listings {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		body, _, whole := bytes.Cut(data, []byte("end sha256:"))
		head, rest, found := bytes.Cut(body, []byte("\nboot "))
		if !whole || !found {
			continue // the power cut was there already
		}
		_, rest, _ = bytes.Cut(rest, []byte("\n"))
		body = slices.Concat(head, []byte("\nboot 00000000-0000-0000-0000-000000000000\n"), rest)
		if err := os.WriteFile(file, fmt.Appendf(body, "end sha256:%x\n", sha256.Sum256(body)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
