package metrics

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/filelock"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func add(t *testing.T, path string, c Counts, at time.Time) {
	t.Helper()
	if err := Add(t.Context(), path, c, at); err != nil {
		t.Fatal(err)
	}
}

func TestAddUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "metrics")
	if got := Load(path); got != (Totals{}) {
		t.Errorf("no file: %+v", got)
	}
	add(t, path, Counts{RegistryRequests: 4, CacheMisses: 3, BytesDownloaded: 100}, start)
	add(t, path, Counts{RegistryRequests: 1, CacheHits: 9, Healed: 1}, start.Add(time.Hour))
	want := Totals{start, Counts{Runs: 2, RegistryRequests: 5, CacheHits: 9, CacheMisses: 3, BytesDownloaded: 100, Healed: 1}}
	if got := Load(path); got != want || got.HitRate() != 0.75 {
		t.Errorf("got %+v with rate %v, want %+v", got, got.HitRate(), want)
	}
	if err := Reset(t.Context(), path); err != nil || !Load(path).IsZero() {
		t.Errorf("after a reset: %+v, %v", Load(path), err)
	}
	if err := Reset(t.Context(), path); err != nil {
		t.Errorf("a second reset: %v", err)
	}
}

// However many runs there are, none is lost and the file stays small.
func TestBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics")
	const runs = 500
	longest := int64(0)
	for i := range runs {
		add(t, path, Counts{CacheHits: 1, BytesReceived: int64(i)}, start.Add(time.Duration(i)*time.Minute))
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, info.Size())
	}
	want := Totals{start, Counts{Runs: runs, CacheHits: runs, BytesReceived: runs * (runs - 1) / 2}}
	if got := Load(path); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if longest > 2*maxFile {
		t.Errorf("the file grew to %d bytes", longest)
	}
}

func TestBeside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if err := Add(context.Background(), path, Counts{CacheMisses: 1, Healed: 2}, start); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := Load(path).Counts; got != (Counts{Runs: 400, CacheMisses: 400, Healed: 800}) {
		t.Errorf("got %+v", got)
	}
}

// TestHeldElsewhere: a run gives up on a lock that another one stands still with, even if it was interrupted itself, and does
// without one that cannot be.
func TestHeldElsewhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics")
	held, err := filelock.Acquire(t.Context(), path+".lock", filelock.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := Add(t.Context(), path, Counts{CacheHits: 1}, start); !errors.Is(err, context.DeadlineExceeded) || !Load(path).IsZero() {
		t.Errorf("while another one holds it: %v, %+v", err, Load(path))
	}
	held.Release()
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	if err := Add(interrupted, path, Counts{CacheHits: 1}, start); err != nil || Load(path).CacheHits != 1 {
		t.Errorf("afterwards: %v, %+v", err, Load(path))
	}
	other := filepath.Join(t.TempDir(), "metrics")
	if err := os.Mkdir(other+".lock", 0o700); err != nil {
		t.Fatal(err)
	}
	add(t, other, Counts{CacheHits: 1}, start)
	if Load(other).CacheHits != 1 {
		t.Errorf("without a lock: %+v", Load(other))
	}
}

func TestBrokenFilesBeginAnew(t *testing.T) {
	good := string(format(Totals{start, Counts{Runs: 3, CacheHits: 3}}))
	for name, text := range map[string]string{
		"torn": good + good[:40], "no line feed": strings.TrimSuffix(good, "\n"), "garbage": "\x00\x01\n", "negative": strings.Replace(good, `"runs":3`, `"runs":-3`, 1),
		"too great": strings.Replace(good, `"runs":3`, `"runs":9007199254740992`, 1), "no time": strings.Replace(good, "2026-01-02T03:04:05Z", "yesterday", 1),
		"a blank line": good + "\n", "v0": strings.Replace(good, `"v":1`, `"v":0`, 1), "huge": strings.Repeat(good, 1000),
	} {
		path := filepath.Join(t.TempDir(), "metrics")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Load(path); got != (Totals{}) {
			t.Errorf("%s: read as %+v", name, got)
		}
		later := start.Add(time.Hour)
		add(t, path, Counts{CacheHits: 1}, later)
		if got := Load(path); got != (Totals{later, Counts{Runs: 1, CacheHits: 1}}) {
			t.Errorf("%s: then %+v", name, got)
		}
	}
}

func TestLaterFormatIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics")
	text := `{"v":2,"something":"else"}` + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	add(t, path, Counts{CacheHits: 1}, start)
	if data, err := os.ReadFile(path); err != nil || string(data) != text {
		t.Errorf("%q, %v", data, err)
	}
}

func TestSumsStop(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics")
	for range 3 {
		add(t, path, Counts{BytesReceived: maxCount}, start)
	}
	if got := Load(path).BytesReceived; got != maxCount {
		t.Errorf("got %d", got)
	}
}

// FuzzParse: what is accepted is a sum that the format can hold, and comes back as it is.
func FuzzParse(f *testing.F) {
	line := string(format(Totals{start, Counts{Runs: 1, CacheHits: 2}}))
	f.Add([]byte(line))
	f.Add([]byte(line + line))
	f.Add([]byte(fmt.Sprintf(`{"v":1,"since":"2026-01-02T03:04:05+02:00","runs":%d}`+"\n", int64(maxCount))))
	f.Fuzz(func(t *testing.T, data []byte) {
		sum, err := parse(data)
		if err != nil || len(data) == 0 {
			return
		}
		again, err := parse(format(sum))
		if err != nil || again.Counts != sum.Counts || !again.Since.Equal(sum.Since.Truncate(time.Second)) {
			t.Fatalf("%q is %+v, then %+v: %v", data, sum, again, err)
		}
	})
}
