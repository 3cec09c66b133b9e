package listing

import (
	"fmt"
	"slices"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Lookup finds what the lists below a top list say of files. It asks for what it needs in rounds, so that the caller
// fetches each round in one go:
//
//	lookup, err := listing.NewLookup(top)          // verified by the caller
//	for _, f := range lookup.Pages(paths...) { err = lookup.AddPage(fetch(f.Path(), f.Length)) }
//	for _, f := range lookup.Shards(paths...) { err = lookup.AddShard(fetch(f.Path(), f.Length)) }
//	file, found, err := lookup.Find(path)
//
// What is added is compared with its length and digest before anything else. A Lookup is not for use by several
// goroutines at once.
type Lookup struct {
	coder  coder
	top    *top
	pages  map[int][]File
	shards map[int][]row
}

// NewLookup reads a top list, of which the caller has verified the bytes.
//
// Errors: fault.Integrity "metadata-malformed".
func NewLookup(data []byte) (*Lookup, error) {
	l := &Lookup{pages: map[int][]File{}, shards: map[int][]row{}}
	text, err := l.coder.unpack(data, MaxTop)
	if err == nil {
		l.top, err = parseTop(text)
	}
	if err != nil {
		return nil, malformed("top list", err)
	}
	return l, nil
}

// Files returns how many files the lists vouch for.
func (l *Lookup) Files() int64 { return l.top.files }

// shardOf returns the shard of a path, its page, and its place there.
func (l *Lookup) shardOf(path string) (shard, page, place int) {
	shard = hashOf(path).shard(l.top.shards)
	return shard, shard / pageSize, shard % pageSize
}

// Pages returns the pages that are needed for some paths, in order, without those that were added.
func (l *Lookup) Pages(paths ...string) []File {
	var wanted []int
	for _, path := range paths {
		_, page, _ := l.shardOf(path)
		if l.pages[page] == nil && !l.top.pages[page].isNone() {
			wanted = append(wanted, page)
		}
	}
	return pick(wanted, func(n int) File { return l.top.pages[n] })
}

// AllPages returns all pages, in order, without those that were added.
func (l *Lookup) AllPages() []File {
	var list []File
	for n, f := range l.top.pages {
		if l.pages[n] == nil && !f.isNone() {
			list = append(list, f)
		}
	}
	return list
}

// Shards returns the shards that are needed for some paths, in order, without those that were added, and those of which
// the page is not there yet.
func (l *Lookup) Shards(paths ...string) []File {
	var wanted []int
	for _, path := range paths {
		shard, page, place := l.shardOf(path)
		if l.shards[shard] == nil && l.pages[page] != nil && !l.pages[page][place].isNone() {
			wanted = append(wanted, shard)
		}
	}
	return pick(wanted, func(n int) File { return l.pages[n/pageSize][n%pageSize] })
}

func pick(numbers []int, file func(int) File) []File {
	slices.Sort(numbers)
	var out []File
	for _, n := range slices.Compact(numbers) {
		out = append(out, file(n))
	}
	return out
}

// AddPage adds a page. Which one it is, its digest says.
//
// Errors: fault.Integrity "metadata-mismatch" where the top list does not name it, "metadata-malformed".
func (l *Lookup) AddPage(data []byte) error {
	got := FileOf(data)
	n := slices.Index(l.top.pages, got)
	if n < 0 {
		return fault.New(fault.Integrity, "metadata-mismatch", "SECURITY: the registry's metadata does not name this page of its lists").
			WithFact("actual sha256:%x, %d bytes", got.SHA256, got.Length).
			WithHelp("try later: the host may have shown files of two states; tell the registry's operator if it stays so")
	}
	page, err := l.coder.page(data, l.top, n)
	if err != nil {
		return malformed(fmt.Sprintf("page %d", n), err)
	}
	l.pages[n] = page
	return nil
}

// page reads page n of a top list.
func (c *coder) page(data []byte, t *top, n int) ([]File, error) {
	text, err := c.unpack(data, MaxPage)
	if err != nil {
		return nil, err
	}
	return parseFiles(text, min(pageSize, t.shards-n*pageSize), MaxShard)
}

// AddShard adds a shard. Which one it is, its digest says.
//
// Errors: fault.Integrity "metadata-mismatch" where no page that was added names it, "metadata-malformed".
func (l *Lookup) AddShard(data []byte) error {
	got := FileOf(data)
	for n, page := range l.pages {
		place := slices.Index(page, got)
		if place < 0 {
			continue
		}
		rows, err := l.coder.shard(data, n*pageSize+place, l.top.shards)
		if err != nil {
			return malformed(fmt.Sprintf("shard %d", n*pageSize+place), err)
		}
		l.shards[n*pageSize+place] = rows
		return nil
	}
	return fault.New(fault.Integrity, "metadata-mismatch", "SECURITY: the registry's metadata does not name this shard of its lists").
		WithFact("actual sha256:%x, %d bytes", got.SHA256, got.Length).
		WithHelp("try later: the host may have shown files of two states; tell the registry's operator if it stays so")
}

func (c *coder) shard(data []byte, n, count int) ([]row, error) {
	text, err := c.unpack(data, MaxShard)
	if err != nil {
		return nil, err
	}
	return parseRows(text, n, count)
}

// Find returns what the lists say of a file, and whether they know it. It is an error where its page or shard was not
// added: what nobody has looked at is not absent.
func (l *Lookup) Find(path string) (File, bool, error) {
	shard, page, place := l.shardOf(path)
	switch {
	case l.top.pages[page].isNone():
		return File{}, false, nil
	case l.pages[page] == nil:
		return File{}, false, fmt.Errorf("the page of %q was not added", path)
	case l.pages[page][place].isNone():
		return File{}, false, nil
	case l.shards[shard] == nil:
		return File{}, false, fmt.Errorf("the shard of %q was not added", path)
	}
	i, found := findRow(l.shards[shard], hashOf(path))
	if !found {
		return File{}, false, nil
	}
	return l.shards[shard][i].file, true, nil
}
