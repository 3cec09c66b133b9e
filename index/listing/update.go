package listing

import (
	"fmt"
	"maps"
	"slices"
)

// Reader reads the files of a published tree.
type Reader interface {
	ReadFile(path string) ([]byte, error)
}

// Update is new lists.
type Update struct {
	Files   map[string][]byte // by path: the lists that are new
	Removed []string          // paths of lists of before that nothing names any more, sorted
	Top     File              // the new top list
}

// Make writes the lists that follow those of a top list in a published tree, with some files added or changed, by path.
// The zero top begins with nothing. It reads the lists that it changes, and no others, unless the number of shards has to
// change: then all of them. The zero File takes a path out.
//
// Errors: fault.Integrity "metadata-mismatch", "metadata-malformed", and those of the reader.
func Make(old Reader, before File, changed map[string]File) (*Update, error) {
	m := &maker{old: old, out: map[string][]byte{}, gone: map[string]bool{}}
	if err := m.begin(before); err != nil {
		return nil, err
	}
	if len(changed) == 0 && !before.isNone() {
		return &Update{Files: m.out, Top: before}, nil
	}
	fresh := make([]row, 0, len(changed))
	for path, f := range changed {
		fresh = append(fresh, row{hashOf(path), f})
	}
	if err := m.apply(fresh); err != nil {
		return nil, err
	}
	if want := Count(m.top.files); want != m.top.shards {
		if err := m.rebuild(want); err != nil {
			return nil, err
		}
	}
	return m.finish(before)
}

// maker is one update.
type maker struct {
	coder coder
	old   Reader
	top   *top
	pages map[int][]File // that were read or made
	rows  map[int][]row  // of shards that were read or made
	dirty map[int]bool   // shards that differ from those of before
	out   map[string][]byte
	gone  map[string]bool
}

func (m *maker) begin(before File) error {
	m.pages, m.rows, m.dirty = map[int][]File{}, map[int][]row{}, map[int]bool{}
	if before.isNone() {
		m.top = &top{shards: 1, pages: make([]File, 1)}
		return nil
	}
	data, err := m.read("top list", before)
	if err != nil {
		return err
	}
	text, err := m.coder.unpack(data, MaxTop)
	if err == nil {
		m.top, err = parseTop(text)
	}
	if err != nil {
		return malformed("top list", err)
	}
	return nil
}

// read reads a list of before.
func (m *maker) read(what string, f File) ([]byte, error) {
	data, err := m.old.ReadFile(f.Path())
	if err != nil {
		return nil, fmt.Errorf("reading the %s: %w", what, err)
	}
	if got := FileOf(data); got != f {
		return nil, mismatch(what, f, got)
	}
	return data, nil
}

func (m *maker) page(n int) ([]File, error) {
	if page := m.pages[n]; page != nil {
		return page, nil
	}
	f := m.top.pages[n]
	if f.isNone() {
		m.pages[n] = make([]File, min(pageSize, m.top.shards-n*pageSize))
		return m.pages[n], nil
	}
	what := fmt.Sprintf("page %d", n)
	data, err := m.read(what, f)
	if err != nil {
		return nil, err
	}
	page, err := m.coder.page(data, m.top, n)
	if err != nil {
		return nil, malformed(what, err)
	}
	m.pages[n] = page
	return page, nil
}

func (m *maker) shard(n int) ([]row, error) {
	if rows, ok := m.rows[n]; ok {
		return rows, nil
	}
	page, err := m.page(n / pageSize)
	if err != nil {
		return nil, err
	}
	f := page[n%pageSize]
	if f.isNone() {
		return nil, nil
	}
	what := fmt.Sprintf("shard %d", n)
	data, err := m.read(what, f)
	if err != nil {
		return nil, err
	}
	rows, err := m.coder.shard(data, n, m.top.shards)
	if err != nil {
		return nil, malformed(what, err)
	}
	m.rows[n] = rows
	return rows, nil
}

// apply puts rows into their shards.
func (m *maker) apply(fresh []row) error {
	of := map[int][]row{}
	for _, r := range fresh {
		n := r.hash.shard(m.top.shards)
		of[n] = append(of[n], r)
	}
	for n, add := range of {
		rows, err := m.shard(n)
		if err != nil {
			return err
		}
		merged := merge(rows, add)
		m.top.files += int64(len(merged) - len(rows))
		m.rows[n], m.dirty[n] = merged, true
	}
	return nil
}

// merge returns the rows with others added, or put in the place of those of the same hash, or these taken out.
func merge(rows, add []row) []row {
	by := make(map[pathHash]row, len(rows)+len(add))
	for _, r := range rows {
		by[r.hash] = r
	}
	for _, r := range add {
		by[r.hash] = r
		if r.file.isNone() {
			delete(by, r.hash)
		}
	}
	return slices.SortedFunc(maps.Values(by), func(a, b row) int { return slices.Compare(a.hash[:], b.hash[:]) })
}

// rebuild spreads all rows over another number of shards.
func (m *maker) rebuild(count int) error {
	var all []row
	for n := range m.top.shards {
		rows, err := m.shard(n)
		if err != nil {
			return err
		}
		all = append(all, rows...)
	}
	for n, page := range m.top.pages {
		m.drop(page)
		if list, err := m.page(n); err == nil {
			for _, f := range list {
				m.drop(f)
			}
		}
	}
	m.top = &top{shards: count, pages: make([]File, pages(count))}
	m.pages, m.rows, m.dirty = map[int][]File{}, map[int][]row{}, map[int]bool{}
	return m.apply(all)
}

func (m *maker) drop(f File) {
	if !f.isNone() {
		m.gone[f.Path()] = true
	}
}

// finish writes what is dirty, the shards first.
func (m *maker) finish(before File) (*Update, error) {
	touched := map[int]bool{}
	for _, n := range slices.Sorted(maps.Keys(m.dirty)) {
		page, err := m.page(n / pageSize)
		if err != nil {
			return nil, err
		}
		m.drop(page[n%pageSize])
		if page[n%pageSize], err = m.addShard(m.rows[n]); err != nil {
			return nil, err
		}
		touched[n/pageSize] = true
	}
	for n := range touched {
		m.drop(m.top.pages[n])
		var err error
		if m.top.pages[n], err = m.addPage(m.pages[n]); err != nil {
			return nil, err
		}
	}
	m.drop(before)
	out, err := m.add(m.top.text(), MaxTop)
	if err != nil {
		return nil, err
	}
	return &Update{Files: m.out, Removed: m.removed(), Top: out}, nil
}

// addShard packs a shard; one without files is none.
func (m *maker) addShard(rows []row) (File, error) {
	if len(rows) == 0 {
		return File{}, nil
	}
	return m.add(formatRows(rows), MaxShard)
}

// addPage packs a page; one without files is none.
func (m *maker) addPage(page []File) (File, error) {
	if !slices.ContainsFunc(page, func(f File) bool { return !f.isNone() }) {
		return File{}, nil
	}
	return m.add(formatFiles(page), MaxPage)
}

// add packs a list.
func (m *maker) add(text []byte, limit int) (File, error) {
	data, err := m.coder.pack(text)
	if err != nil {
		return File{}, err
	}
	if len(text) > limit || len(data) > limit {
		return File{}, fmt.Errorf("a list has %d bytes, more than %d", len(text), limit)
	}
	f := FileOf(data)
	m.out[f.Path()] = data
	return f, nil
}

// removed returns what is gone and has not come again.
func (m *maker) removed() []string {
	var list []string
	for path := range m.gone {
		if m.out[path] == nil {
			list = append(list, path)
		}
	}
	slices.Sort(list)
	return list
}
