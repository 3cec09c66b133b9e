package index

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"math"
	"runtime"
	"sync"
)

// Found is one page of what a search has found.
type Found struct {
	Rows  []SearchRow
	Total int  // on all pages
	Close bool // nothing has the words themselves: these have words of which they may be slips
}

// SearchPackages searches the registry's catalogue for packages in which every word of a query is found. Pages count from
// 1; a page behind the last one has no rows.
func (s *Snapshot) SearchPackages(ctx context.Context, query string, page, perPage int) (Found, error) {
	return s.Search(ctx, Query{Text: query}, page, perPage)
}

// Search is SearchPackages for a query with more to it. Best are packages of exactly the name, then names that begin with
// a word, words of names, keywords, other parts of names and keywords, and descriptions; ties are in the order of names.
// Where nothing has the words, it finds rows in which every word may be a slip of the name, of a part of it, or of a
// keyword: those with the fewest slips first.
func (s *Snapshot) Search(ctx context.Context, q Query, page, perPage int) (Found, error) {
	var found Found
	err := s.withCatalogue(ctx, func(c *compact) (err error) {
		found, err = c.page(q, page, perPage)
		return err
	})
	return found, err
}

// Page is [Snapshot.Search] in a catalogue that is in memory.
func (c Catalogue) Page(q Query, page, perPage int) Found {
	var all [catalogueFiles]contents
	all[0].texts, all[0].rows = packed(c, 0)
	inMemory, file := newCompact([sha256.Size]byte{}, &all)
	inMemory.from = bytes.NewReader(file)
	found, _ := inMemory.page(q, page, perPage) // what is in memory is not damaged
	return found
}

func (c *compact) page(q Query, page, perPage int) (f Found, err error) {
	if page < 1 || perPage < 1 || page > math.MaxInt/perPage {
		page, perPage = 1, 0
	}
	m := newMatcher(q)
	found, err := c.find(m, best{query: q, most: page * perPage})
	if err == nil && found.total == 0 && len(m.words) > 0 {
		m.needle, m.slips = nil, true
		found, err = c.find(m, found.empty())
		f.Close = found.total > 0
	}
	if err != nil {
		return Found{}, err
	}
	f.Total = found.total
	f.Rows, err = c.rowsOf(found.hits[min((page-1)*perPage, len(found.hits)):])
	return f, err
}

// find adds the rows that match to none.
func (c *compact) find(m *matcher, none best) (best, error) {
	workers := min(catalogueFiles, runtime.GOMAXPROCS(0))
	found, errs := make([]best, workers), make([]error, workers)
	var group sync.WaitGroup
	for w := range workers {
		found[w] = none
		group.Go(func() {
			errs[w] = c.eachText(w*catalogueFiles/workers, (w+1)*catalogueFiles/workers, func(part int, texts []byte) {
				m.scan(texts, func(n int, text []byte) {
					if rank, t, ok := m.match(text); ok {
						found[w].add(hit{part, n, rank, t.updated, t.name})
					}
				})
			})
		})
	}
	group.Wait()
	for _, f := range found {
		none.total += f.total
		none.hits = append(none.hits, f.hits...)
	}
	none.cut()
	return none, cmp.Or(errs...)
}

// scan calls each with every text in which the needle is, and with its number.
func (m *matcher) scan(texts []byte, each func(n int, text []byte)) {
	for n, at := 0, 0; at < len(texts); n++ {
		found := bytes.Index(texts[at:], m.needle)
		if found < 0 {
			return
		}
		begin := at + bytes.LastIndexByte(texts[at:at+found], 0) + 1
		n += bytes.Count(texts[at:begin], []byte{0})
		end := bytes.IndexByte(texts[at+found:], 0)
		if end < 0 {
			return
		}
		each(n, texts[begin:at+found+end])
		at += found + end + 1
	}
}

// rowsOf reads the rows of hits.
func (c *compact) rowsOf(hits []hit) ([]SearchRow, error) {
	rows := make([]SearchRow, len(hits))
	of := map[int][]string{} // the records of a part
	for i, h := range hits {
		records, ok := of[h.part]
		if !ok {
			var err error
			if records, err = c.records(h.part); err != nil {
				return nil, err
			}
			of[h.part] = records
		}
		if h.n >= len(records) {
			return nil, errDamaged
		}
		rows[i] = (&unfolder{text: records[h.n]}).row()
	}
	return rows, nil
}

// records reads the rows of a part, and does not look into them.
func (c *compact) records(part int) ([]string, error) {
	data, err := c.read(c.parts[part].rows)
	var records []string
	for all := (&unfolder{text: string(data)}); all.text != ""; {
		records = append(records, all.string())
		if all.broken {
			return nil, errDamaged
		}
	}
	return records, err
}

// all reads every row.
func (c *compact) all() (Catalogue, error) {
	var rows Catalogue
	for part := range c.parts {
		records, err := c.records(part)
		if err != nil {
			return nil, err
		}
		for _, record := range records {
			rows = append(rows, (&unfolder{text: record}).row())
		}
	}
	return rows, nil
}
