package listing_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// tree is a published tree with its top list.
type tree struct {
	files map[string][]byte
	top   listing.File
}

func (t *tree) ReadFile(path string) ([]byte, error) {
	if data, ok := t.files[path]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
}

func newTree() *tree { return &tree{files: map[string][]byte{}} }

func (t *tree) update(tb testing.TB, changed map[string]listing.File) *listing.Update {
	tb.Helper()
	u, err := listing.Make(t, t.top, changed)
	if err != nil {
		tb.Fatal(err)
	}
	for _, path := range u.Removed {
		if t.files[path] == nil {
			tb.Errorf("%s is removed and was not there", path)
		}
		delete(t.files, path)
	}
	maps.Copy(t.files, u.Files)
	t.top = u.Top
	return u
}

// find looks files up as a client does; bytes is what it fetched.
func (t *tree) find(paths ...string) (found map[string]listing.File, bytes int, err error) {
	l, err := listing.NewLookup(t.files[t.top.Path()])
	if err != nil {
		return nil, 0, err
	}
	bytes = int(t.top.Length)
	for _, f := range l.Pages(paths...) {
		bytes += int(f.Length)
		if err := l.AddPage(t.files[f.Path()]); err != nil {
			return nil, bytes, err
		}
	}
	for _, f := range l.Shards(paths...) {
		bytes += int(f.Length)
		if err := l.AddShard(t.files[f.Path()]); err != nil {
			return nil, bytes, err
		}
	}
	found = map[string]listing.File{}
	for _, path := range paths {
		f, ok, err := l.Find(path)
		if err != nil {
			return nil, bytes, err
		}
		if ok {
			found[path] = f
		}
	}
	return found, bytes, nil
}

func path(i int) string { return fmt.Sprintf("index/pa/ck/package-%d", i) }

func file(i int) listing.File {
	return listing.File{Length: int64(i%5000) + 1, SHA256: sha256.Sum256(fmt.Append(nil, i))}
}

func many(from, to int) map[string]listing.File {
	out := map[string]listing.File{}
	for i := from; i < to; i++ {
		out[path(i)] = file(i)
	}
	return out
}

func TestCount(t *testing.T) {
	for files, want := range map[int64]int{0: 1, 1: 1, 31: 1, 32: 2, 100: 4, 1000: 32, 10_000: 512, 20_000: 1024, 100_000: 4096, 200_000: 4096, 1 << 40: 4096} {
		if got := listing.Count(files); got != want {
			t.Errorf("%d files: %d shards, want %d", files, got, want)
		}
	}
	// The definition, said in another way: no other power of two is nearer, as factors go, but for those that would have
	// fewer than 16 files each.
	for files := int64(1); files < 100_000; files += 7 {
		s, got := math.Sqrt(300*float64(files)), float64(listing.Count(files))
		if got > 1 && float64(files)/got < 16 {
			t.Fatalf("%d files: %v shards", files, got)
		}
		if math.Abs(math.Log2(got/s)) > 0.5000001 && got < 4096 && float64(files)/(2*got) >= 16 {
			t.Fatalf("%d files: %v shards for %v", files, got, s)
		}
	}
}

func TestGrow(t *testing.T) {
	r := newTree()
	all := map[string]listing.File{}
	random := rand.New(rand.NewPCG(1, 2))
	for n := 0; n < 3000; {
		changed := map[string]listing.File{}
		for range 1 + random.IntN(40) {
			i := n
			if random.IntN(3) == 0 && n > 0 {
				i = random.IntN(n)
			} else {
				n++
			}
			changed[path(i)] = file(random.Int())
		}
		maps.Copy(all, changed)
		r.update(t, changed)
	}
	for i := range 200 { // some go again
		r.update(t, map[string]listing.File{path(i): {}, path(i) + "-absent": {}})
		delete(all, path(i))
	}
	// Lists that grew are those that are made at once.
	whole := newTree()
	whole.update(t, all)
	if r.top != whole.top || len(r.files) != len(whole.files) {
		t.Fatalf("%d lists, %d when they are made at once", len(r.files), len(whole.files))
	}
	for path := range whole.files {
		if r.files[path] == nil {
			t.Errorf("%s is missing", path)
		}
	}
	var paths []string
	for path := range all {
		paths = append(paths, path, path+"-absent")
	}
	found, _, err := r.find(paths...)
	if err != nil || !maps.Equal(found, all) {
		t.Errorf("%d of %d files, %v", len(found), len(all), err)
	}
}

func TestNothing(t *testing.T) {
	r := newTree()
	r.update(t, nil)
	if found, _, err := r.find("x"); err != nil || len(found) != 0 || len(r.files) != 1 {
		t.Errorf("%v, %v, %d lists", found, err, len(r.files))
	}
	if u := r.update(t, nil); len(u.Files) != 0 || u.Top != r.top {
		t.Error("an update without changes makes something")
	}
	if u := r.update(t, many(0, 1)); len(u.Files) != 3 {
		t.Errorf("%d lists for one file", len(u.Files))
	}
	if u := r.update(t, many(0, 1)); len(u.Files) != 3 || len(u.Removed) != 0 || u.Top != r.top {
		t.Errorf("the same again: %d lists, %d removed", len(u.Files), len(u.Removed))
	}
}

// TestLastGoes: lists that come to vouch for nothing are those of nothing.
func TestLastGoes(t *testing.T) {
	r, empty := newTree(), newTree()
	empty.update(t, nil)
	r.update(t, many(0, 50))
	gone := map[string]listing.File{}
	for path := range many(0, 50) {
		gone[path] = listing.File{}
	}
	r.update(t, gone)
	if r.top != empty.top || len(r.files) != 1 {
		t.Errorf("%d lists are left", len(r.files))
	}
}

// TestDamage: no list that was altered, or put in the place of another, is taken.
func TestDamage(t *testing.T) {
	r := newTree()
	r.update(t, many(0, 2000))
	other := newTree()
	other.update(t, many(0, 2000))
	other.update(t, map[string]listing.File{path(1): file(2)})
	l, err := listing.NewLookup(r.files[r.top.Path()])
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Find(path(1)); err == nil {
		t.Error("what was not looked at is absent")
	}
	page := l.Pages(path(1))[0]
	data := r.files[page.Path()]
	for story, bad := range map[string][]byte{
		"empty": {}, "cut": data[:len(data)-1], "longer": append(data[:len(data):len(data)], 0), "a page of others": other.files[other.pageOf(t, path(1)).Path()],
	} {
		if err := l.AddPage(bad); !fault.IsCode(err, "metadata-mismatch") {
			t.Errorf("page, %s: %v", story, err)
		}
	}
	if err := l.AddPage(data); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Find(path(1)); err == nil {
		t.Error("what was not looked at is absent")
	}
	if err := l.AddShard(data); !fault.IsCode(err, "metadata-mismatch") {
		t.Errorf("a page in place of a shard: %v", err)
	}
	if err := l.AddShard(r.files[l.Shards(path(1))[0].Path()]); err != nil {
		t.Fatal(err)
	}
	if got, found, err := l.Find(path(1)); got != file(1) || !found || err != nil {
		t.Errorf("%v %v %v", got, found, err)
	}
	// A producer that goes on from a damaged tree says so.
	r.files[page.Path()] = append([]byte{0}, data...)
	if _, err := listing.Make(r, r.top, many(1, 2)); !fault.IsCode(err, "metadata-mismatch") {
		t.Errorf("%v", err)
	}
	delete(r.files, page.Path())
	if _, err := listing.Make(r, r.top, many(1, 2)); err == nil || !strings.Contains(err.Error(), "page") {
		t.Errorf("%v", err)
	}
}

func (t *tree) pageOf(tb testing.TB, path string) listing.File {
	tb.Helper()
	l, err := listing.NewLookup(t.files[t.top.Path()])
	if err != nil {
		tb.Fatal(err)
	}
	return l.Pages(path)[0]
}

// BenchmarkCold is the client that needs 300 packages of 100,000 and has nothing; BenchmarkPublish what one of them costs.
func BenchmarkCold(b *testing.B) {
	r := newTree()
	r.update(b, many(0, 100_000))
	var paths []string
	for i := range 300 {
		paths = append(paths, path(i*331))
	}
	total := 0
	for b.Loop() {
		found, n, err := r.find(paths...)
		if err != nil || len(found) != len(paths) {
			b.Fatal(len(found), err)
		}
		total = n
	}
	b.ReportMetric(float64(total), "bytes/cold")
}

func BenchmarkPublish(b *testing.B) {
	r := newTree()
	r.update(b, many(0, 100_000))
	total, count := 0, 0
	for b.Loop() {
		u := r.update(b, map[string]listing.File{path(count % 100_000): file(count + 7)})
		for _, data := range u.Files {
			total += len(data)
		}
		count++
	}
	b.ReportMetric(float64(total)/float64(count), "bytes/publish")
}
