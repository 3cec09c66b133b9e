package index

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/manifest"
)

// SearchDir holds the search catalogue: 256 files of rows, `search/00.jsonl` to `search/ff.jsonl`. A package's row is in
// the file named by the first byte of the sha256 of its path key. Rows are canonical JSON, sorted by name; a file
// without rows does not exist.
const SearchDir = "search/"

// SearchRow is what a search knows of a package. It is a convenience: nothing is ever installed on its word.
type SearchRow struct {
	Name        string
	Version     string // newest that is not yanked; "" where all are
	Description string
	Keywords    []string
	License     string
	Updated     time.Time
	Yanked      bool // every version is
	ReplacedBy  string
	Level       string
	Categories  []string
}

// SearchPath returns the catalogue file that a package is in.
func SearchPath(name string) string {
	sum := sha256.Sum256([]byte(manifest.Key(name)))
	return fmt.Sprintf("%s%02x.jsonl", SearchDir, sum[0])
}

// SearchPaths returns all files of the catalogue.
func SearchPaths() []string {
	paths := make([]string, 256)
	for i := range paths {
		paths[i] = fmt.Sprintf("%s%02x.jsonl", SearchDir, i)
	}
	return paths
}

// Row returns the catalogue's row of a package.
func (p *Package) Row() SearchRow {
	row := SearchRow{Name: p.Name}
	for _, r := range p.Releases {
		if r.At.After(row.Updated) {
			row.Updated = r.At
		}
	}
	if p.Deprecated != nil {
		row.ReplacedBy = p.Deprecated.Replacement
	}
	r := p.Newest()
	if r == nil {
		row.Yanked = true
		return row
	}
	row.Version, row.Description, row.Keywords = r.Version.String(), r.Publish.About.Description, r.Publish.About.Keywords
	row.License, row.Level, row.Categories = r.Publish.License, r.Publish.Level, r.Publish.About.Categories
	return row
}

// Bytes returns the row as one line of canonical JSON, without a line feed.
func (r SearchRow) Bytes() []byte {
	w := &writer{buf: make([]byte, 0, 256)}
	w.open()
	w.text("name", r.Name)
	w.text("version", r.Version)
	w.text("description", r.Description)
	w.list("keywords", r.Keywords)
	w.text("license", r.License)
	w.time("updated", r.Updated)
	w.flag("yanked", r.Yanked)
	w.text("replaced-by", r.ReplacedBy)
	w.text("level", r.Level)
	w.list("categories", r.Categories)
	w.close()
	return w.buf
}

// ParseSearchRows reads one file of the catalogue.
func ParseSearchRows(path string, data []byte) ([]SearchRow, error) {
	var rows []SearchRow
	err := splitLines(path, data, func(_ int, line []byte) error {
		row, err := parseSearchRow(line)
		rows = append(rows, row)
		return err
	})
	return rows, err
}

func parseSearchRow(line []byte) (r SearchRow, err error) {
	s := &scanner{data: line}
	err = s.members(func(name string) (err error) {
		switch name {
		case "name":
			r.Name, err = s.text()
		case "version":
			r.Version, err = s.text()
		case "description":
			r.Description, err = s.text()
		case "keywords":
			r.Keywords, err = s.texts()
		case "license":
			r.License, err = s.text()
		case "updated":
			r.Updated, err = s.time()
		case "yanked":
			r.Yanked, err = s.boolean()
		case "replaced-by":
			r.ReplacedBy, err = s.text()
		case "level":
			r.Level, err = s.text()
		case "categories":
			r.Categories, err = s.texts()
		default:
			return s.skip(0) // a later catalogue may say more
		}
		return err
	})
	if err == nil {
		err = s.end()
	}
	if err == nil {
		err = manifest.CheckName(r.Name)
	}
	return r, err
}

// Catalogue is the registry's search rows, in no particular order.
type Catalogue []SearchRow

// Catalogue reads the whole search catalogue, or what is kept of it where the registry has not changed since.
func (s *Snapshot) Catalogue(ctx context.Context) (Catalogue, error) {
	c, err := s.catalogue(ctx)
	if err != nil {
		return nil, err
	}
	return c.rows(nil), nil
}

// Query is what a search asks for.
type Query struct {
	Text          string // words that must all be found
	Keyword       string // "" for any; letter case does not count
	Category      string // likewise
	Sort          string // relevance (default), name or updated
	IncludeYanked bool   // packages of which every version is yanked
}

// Search returns the rows that a query finds, best first: the exact name, names that begin with a word, words of names,
// keywords, other parts of names and keywords, descriptions. Ties are in the order of names. It reads nothing.
func (c Catalogue) Search(q Query) []SearchRow {
	words := strings.Fields(strings.ToLower(q.Text))
	var hits []hit
	for _, row := range c {
		if !q.admits(row) {
			continue
		}
		if rank, ok := rankRow(row, words); ok {
			hits = append(hits, hit{row, rank})
		}
	}
	return q.inOrder(hits)
}

// hit is a row that was found; 0 is the best rank.
type hit struct {
	row  SearchRow
	rank int
}

// admits reports whether a row is of the kind that a query asks for, whatever its words are.
func (q Query) admits(row SearchRow) bool {
	has := func(list []string, word string) bool {
		return word == "" || slices.ContainsFunc(list, func(w string) bool { return strings.EqualFold(w, word) })
	}
	return (!row.Yanked || q.IncludeYanked) && has(row.Keywords, q.Keyword) && has(row.Categories, q.Category)
}

func (q Query) inOrder(hits []hit) []SearchRow {
	slices.SortFunc(hits, func(a, b hit) int {
		order := 0
		switch q.Sort {
		case "name":
		case "updated":
			order = b.row.Updated.Compare(a.row.Updated)
		default:
			order = cmp.Compare(a.rank, b.rank)
		}
		return cmp.Or(order, strings.Compare(a.row.Name, b.row.Name))
	})
	rows := make([]SearchRow, len(hits))
	for i, h := range hits {
		rows[i] = h.row
	}
	return rows
}

// rankRow adds up the places where each word is found, 0 for the best; ok is false where a word is not found.
func rankRow(row SearchRow, words []string) (rank int, ok bool) {
	name := strings.ToLower(manifest.Fold(row.Name))
	for _, word := range words {
		word = manifest.Fold(word)
		place := placeOf(word, name, row)
		if place < 0 {
			return 0, false
		}
		rank += place
	}
	if len(words) > 1 && manifest.Fold(strings.Join(words, "-")) == name {
		rank = 0
	}
	return rank, true
}

func placeOf(word, name string, row SearchRow) int {
	parts := partsOf(name)
	holds := func(text string) bool { return strings.Contains(strings.ToLower(text), word) }
	switch {
	case name == word:
		return 0
	case strings.HasPrefix(name, word):
		return 1
	case slices.Contains(parts, word):
		return 2
	case slices.ContainsFunc(row.Keywords, func(k string) bool { return strings.EqualFold(k, word) }):
		return 3
	case strings.Contains(name, word):
		return 4
	case slices.ContainsFunc(row.Keywords, holds):
		return 5
	case holds(row.Description):
		return 6
	}
	return -1
}

// Similar returns up to three names of the catalogue that may have been meant.
func (c Catalogue) Similar(name string) []string {
	names := make([]string, len(c))
	for i, row := range c {
		names[i] = row.Name
	}
	return manifest.Suggest(name, names)
}
