package index

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// SearchSums is a file with one line for each file of the catalogue that exists, sorted by path: "LENGTH SHA256 PATH". The
// metadata vouches for it, and it for the catalogue: so a client fetches only what has changed.
const SearchSums = SearchDir + "sums"

// maxSums bounds SearchSums, in bytes.
const maxSums = 64 << 10

// FormatSearchSums writes [SearchSums]; files has what each file of the catalogue is.
func FormatSearchSums(files map[string]listing.File) []byte {
	var b bytes.Buffer
	for _, path := range SearchPaths() {
		if f, ok := files[path]; ok {
			fmt.Fprintf(&b, "%d %x %s\n", f.Length, f.SHA256, path)
		}
	}
	return b.Bytes()
}

// ParseSearchSums reads [SearchSums], and accepts only what FormatSearchSums writes.
func ParseSearchSums(data []byte) (map[string]listing.File, error) {
	files := map[string]listing.File{}
	for line := range strings.Lines(string(data[:min(len(data), maxSums)])) {
		var f listing.File
		var digest []byte
		var path string
		if _, err := fmt.Sscanf(line, "%d %x %s\n", &f.Length, &digest, &path); err != nil || len(digest) != sha256.Size {
			break
		}
		f.SHA256 = [sha256.Size]byte(digest)
		files[path] = f
	}
	if !bytes.Equal(FormatSearchSums(files), data) {
		return nil, fault.New(fault.Integrity, "index-malformed", "SECURITY: the index holds a list that no registry writes").WithFact("file %s", SearchSums)
	}
	return files, nil
}

// compact is the catalogue as it is searched: for each of its files a text of records, each behind its length. A record
// begins with what words are looked for in, in lower case: the folded name, the keywords and the description.
type compact struct {
	parts [256]part
	lists string // the registry's lists when it was read; "" where it has none
}

type part struct {
	sum     string // sha256 of the file, in hex; "" where there is none
	records string
}

const compactHeader = "gal search catalogue 1\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// catalogue returns the whole catalogue. What is kept of it is read again only where the registry has changed since.
func (s *Snapshot) catalogue(ctx context.Context) (*compact, error) {
	old := readCompact(s.state.Catalogue)
	lists := ""
	if s.vouched != nil {
		lists = hex.EncodeToString(s.vouched.top.SHA256[:])
	}
	if lists != "" && old.lists == lists {
		return old, nil
	}
	files, sums, err := s.catalogueFiles(ctx, old)
	if err != nil {
		return nil, err
	}
	fresh := &compact{lists: lists}
	for i, path := range SearchPaths() {
		if sum := sums[path]; sum != "" && sum == old.parts[i].sum {
			fresh.parts[i] = old.parts[i]
			continue
		}
		rows, err := ParseSearchRows(path, files[path])
		if err != nil {
			return nil, malformed(err)
		}
		fresh.parts[i] = part{sums[path], recordsOf(rows)}
	}
	return fresh, fresh.write(s.state.Catalogue)
}

// catalogueFiles reads the files of the catalogue, without those that are as they were, and tells the sums of all.
func (s *Snapshot) catalogueFiles(ctx context.Context, old *compact) (files map[string][]byte, sums map[string]string, err error) {
	sums = map[string]string{}
	if s.vouched != nil {
		return s.changedCatalogue(ctx, old)
	}
	if files, err = s.transport.Fetch(ctx, SearchPaths()); err != nil {
		return nil, nil, err
	}
	for path, data := range files {
		sum := sha256.Sum256(data)
		sums[path] = hex.EncodeToString(sum[:])
	}
	return files, sums, nil
}

func (s *Snapshot) changedCatalogue(ctx context.Context, old *compact) (map[string][]byte, map[string]string, error) {
	if _, ok := s.vouched.client.Target(SearchSums); !ok {
		return nil, nil, nil // a registry that has published nothing has no catalogue
	}
	list, err := s.transport.Fetch(ctx, []string{SearchSums})
	if err != nil {
		return nil, nil, err
	}
	known, err := ParseSearchSums(list[SearchSums])
	if err != nil {
		return nil, nil, err
	}
	sums := map[string]string{}
	var changed []Expected
	for i, path := range SearchPaths() {
		f, ok := known[path]
		if !ok {
			continue
		}
		if sums[path] = hex.EncodeToString(f.SHA256[:]); sums[path] != old.parts[i].sum {
			changed = append(changed, Expected{path, f})
		}
	}
	files, err := s.vouched.expect(ctx, changed)
	return files, sums, err
}

// recordsOf writes rows as records.
func recordsOf(rows []SearchRow) string {
	w, record := &folder{}, &folder{}
	for _, r := range rows {
		record.buf = record.buf[:0]
		record.text(strings.ToLower(manifest.Fold(r.Name) + "\n" + strings.Join(r.Keywords, "\n") + "\n" + r.Description))
		for _, text := range []string{r.Name, r.Version, r.Description, r.License, r.ReplacedBy, r.Level} {
			record.text(text)
		}
		record.texts(r.Keywords)
		record.texts(r.Categories)
		record.number(uint64(r.Updated.Unix()))
		record.flag(r.Yanked)
		w.text(string(record.buf))
	}
	return string(w.buf)
}

// rows returns the rows in which all words are found somewhere; without words, all.
func (c *compact) rows(words []string) Catalogue {
	var found Catalogue
	for i := range c.parts {
		all := &unfolder{text: c.parts[i].records}
		for all.text != "" {
			record := &unfolder{text: all.string()}
			if text := record.string(); !record.broken && holdsAll(text, words) {
				found = append(found, record.row())
			}
		}
	}
	return found
}

func holdsAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

func (r *unfolder) row() SearchRow {
	var row SearchRow
	for _, text := range []*string{&row.Name, &row.Version, &row.Description, &row.License, &row.ReplacedBy, &row.Level} {
		*text = r.string()
	}
	row.Keywords, row.Categories = r.strings(), r.strings()
	row.Updated = time.Unix(int64(r.number()), 0).UTC()
	row.Yanked = r.flag()
	return row
}

// readCompact reads what is kept of a catalogue: nothing, where the file is not there or is damaged.
func readCompact(path string) *compact {
	c := &compact{}
	f, err := os.Open(path)
	if err != nil {
		return c
	}
	defer f.Close()
	info, err := f.Stat()
	head := make([]byte, len(compactHeader)+8)
	if err != nil || info.Size() > maxFolded {
		return c
	}
	if _, err := io.ReadFull(f, head); err != nil || string(head[:len(compactHeader)]) != compactHeader {
		return c
	}
	var text strings.Builder
	text.Grow(int(info.Size()))
	sum := crc32.New(castagnoli)
	if _, err := io.CopyBuffer(io.MultiWriter(&text, sum), onlyReader{f}, make([]byte, 1<<18)); err != nil || fmt.Sprintf("%08x", sum.Sum32()) != string(head[len(compactHeader):]) {
		return c
	}
	r := &unfolder{text: text.String()}
	c.lists = r.string()
	for i := range c.parts {
		c.parts[i] = part{r.string(), r.string()}
	}
	if r.broken || r.text != "" {
		return &compact{}
	}
	return c
}

// onlyReader keeps io.CopyBuffer from choosing another way than its buffer.
type onlyReader struct{ io.Reader }

func (c *compact) write(path string) error {
	if path == "" {
		return nil
	}
	w := &folder{buf: make([]byte, len(compactHeader)+8)}
	w.text(c.lists)
	for _, p := range c.parts {
		w.text(p.sum)
		w.text(p.records)
	}
	copy(w.buf, compactHeader)
	copy(w.buf[len(compactHeader):], fmt.Sprintf("%08x", crc32.Checksum(w.buf[len(compactHeader)+8:], castagnoli)))
	return atomicfile.WriteCache(path, w.buf)
}
