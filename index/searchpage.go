package index

import (
	"context"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/manifest"
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

// Search is SearchPackages for a query with more to it. Only rows that hold every word are looked at more closely, unless
// there are none.
func (s *Snapshot) Search(ctx context.Context, q Query, page, perPage int) (Found, error) {
	c, err := s.catalogue(ctx)
	if err != nil {
		return Found{}, err
	}
	words := strings.Fields(strings.ToLower(q.Text))
	for i, word := range words {
		words[i] = manifest.Fold(word)
	}
	if found := c.rows(words).Page(q, page, perPage); found.Total > 0 {
		return found, nil
	}
	return c.rows(nil).Page(q, page, perPage), nil
}

// Page returns the rows of one page of [Catalogue.Search] or, where that finds nothing, of [Catalogue.Near].
func (c Catalogue) Page(q Query, page, perPage int) Found {
	rows := c.Search(q)
	var f Found
	if len(rows) == 0 && strings.TrimSpace(q.Text) != "" {
		rows = c.Near(q)
		f.Close = len(rows) > 0
	}
	f.Total = len(rows)
	if page < 1 || perPage < 1 || page > len(rows)/perPage+1 {
		return f
	}
	first := min((page-1)*perPage, len(rows))
	f.Rows = rows[first:min(first+perPage, len(rows))]
	return f
}

// minSlip is the length of the shortest word that is looked at for slips: every word of two letters is near every other.
const minSlip = 3

// Near returns the rows in which every word of a query is, or may be a slip of, the name, a part of the name or a keyword:
// those with the fewest slips first.
func (c Catalogue) Near(q Query) []SearchRow {
	words := strings.Fields(q.Text)
	whole := strings.Join(words, "-")
	var hits []hit
	for _, row := range c {
		if !q.admits(row) {
			continue
		}
		if slips, ok := manifest.Slip(whole, row.Name); ok && len(whole) >= minSlip {
			hits = append(hits, hit{row, slips})
		} else if slips, ok := slipsIn(row, words); ok {
			hits = append(hits, hit{row, slips + 1}) // a name as a whole goes before parts of others
		}
	}
	return q.inOrder(hits)
}

// slipsIn adds up how far each word is from the nearest part of a row.
func slipsIn(row SearchRow, words []string) (sum int, ok bool) {
	parts := slices.Concat([]string{row.Name}, partsOf(manifest.Fold(row.Name)), row.Keywords)
	for _, word := range words {
		best := -1
		for _, part := range parts {
			if slips, near := manifest.Slip(word, part); near && len(word) >= minSlip && (best < 0 || slips < best) {
				best = slips
			}
		}
		if best < 0 {
			return 0, false
		}
		sum += best
	}
	return sum, true
}

// partsOf are the words of a folded name.
func partsOf(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '/' })
}
