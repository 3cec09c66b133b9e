package hosts

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestHealth(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	dir := t.TempDir()
	load := func() *Health { return Load(dir, func() time.Time { return now }) }
	addresses := []string{"https://a.example/x", "/a/folder", "git+https://b.example/y", "https://c.example/z"}
	ordered := func(h *Health, want ...int) {
		t.Helper()
		var list []string
		for _, i := range want {
			list = append(list, addresses[i])
		}
		if got := h.Order(addresses); !slices.Equal(got, list) {
			t.Errorf("ordered %q, want %q", got, list)
		}
	}
	one, two := load(), load()
	ordered(one, 0, 1, 2, 3)
	one.Note(addresses[0], false)
	one.Note(addresses[1], false)
	ordered(one, 1, 2, 3, 0)
	one.Save()
	// Two of one process, or of two, do not undo each other's.
	two.Note(addresses[2], false)
	ordered(two, 0, 1, 3, 2)
	two.Save()
	three := load()
	ordered(three, 1, 3, 0, 2)
	if !three.Rests("https://a.example") || three.Rests("https://c.example") {
		t.Error("the wrong host rests")
	}
	three.Note(addresses[0], true)
	three.Save()
	ordered(load(), 0, 1, 3, 2)
	now = now.Add(Rest)
	ordered(load(), 0, 1, 2, 3)
}

// What others wrote after a process has looked at the clock, or by one that goes before its own, stays in the file.
func TestOthersAreLater(t *testing.T) {
	now, dir := time.Unix(1_000_000, 0), t.TempDir()
	at := func(d time.Duration) *Health { return Load(dir, func() time.Time { return now.Add(d) }) }
	early, late := at(0), at(Rest/2)
	late.Note("https://late.example", false)
	late.Save()
	early.Note("https://early.example", false)
	early.Save()
	if h := at(Rest / 2); !h.Rests("https://late.example") || !h.Rests("https://early.example") {
		t.Errorf("kept are %v", h.failed)
	}
	if h := at(0); h.Rests("https://late.example") {
		t.Error("what has yet to come counts")
	}
	// But a clock that was quite wrong leaves nothing for ever.
	wrong := at(9 * Rest)
	wrong.Note("https://wrong.example", false)
	wrong.Save()
	again := at(1)
	again.Note("https://early.example", false)
	again.Save()
	if h := at(9 * Rest); h.Rests("https://wrong.example") {
		t.Errorf("kept are %v", h.failed)
	}
}

// What the file says is a hint: no content of it can do more than change an order.
func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{
		"", "gal-hosts 2\n", "gal-hosts 1\nhttps://a.example 99999999999\n", "gal-hosts 1\nx\n\x00 1 1\n", strings.Repeat("x", maxFile+1),
		"gal-hosts 1\n" + strings.Repeat("https://x.example 1\n", maxHosts+1),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		h := Load(dir, func() time.Time { return time.Unix(1000, 0) })
		if got := h.Order([]string{"https://a.example/1", "https://b.example/2"}); got[0] != "https://a.example/1" || len(h.failed) > maxHosts {
			t.Errorf("%.20q: ordered %q", text, got)
		}
		h.Note("https://a.example", false)
		h.Save()
		if again := Load(dir, h.now); !again.Rests("https://a.example") {
			t.Errorf("%.20q: what was written is not read", text)
		}
	}
}
