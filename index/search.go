package index

import (
	"context"
	"crypto/sha256"
	"fmt"
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
	var all Catalogue
	err := s.withCatalogue(ctx, func(c *compact) (err error) {
		all, err = c.all()
		return err
	})
	return all, err
}

// Query is what a search asks for.
type Query struct {
	Text          string // words that must all be found
	Keyword       string // "" for any; letter case does not count
	Category      string // likewise
	Sort          string // relevance (default), name or updated
	IncludeYanked bool   // packages of which every version is yanked
}

// Similar returns up to three names of the catalogue that may have been meant.
func (c Catalogue) Similar(name string) []string {
	names := make([]string, len(c))
	for i, row := range c {
		names[i] = row.Name
	}
	return manifest.Suggest(name, names)
}
