package index

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"time"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
)

// compact is a catalogue as it is kept and searched. Its file is
//
//	"gal search catalogue 2\n"
//	sha256 of the top of the registry's lists when it was read; zeros where it has none
//	256 times, for each file of the catalogue: sha256 of the file, zeros where there is none;
//	    length and CRC-32C of its texts; length and CRC-32C of its rows
//	CRC-32C of all that
//	the texts of all files: see [rowText]
//	the rows of all files, each behind its length
//
// with numbers of 32 bits, big-endian. A search reads all texts, and the rows of those files only of which it shows some.
type compact struct {
	lists [sha256.Size]byte
	parts [catalogueFiles]part
	from  io.ReaderAt
	file  *os.File // that from is; nil for memory
}

// part is what is made of one file of the catalogue.
type part struct {
	sum         [sha256.Size]byte
	texts, rows area
}

// area is a range of the file.
type area struct {
	at          int64
	length, sum uint32
}

const (
	catalogueFiles = 256
	compactHeader  = "gal search catalogue 2\n"
	compactHead    = len(compactHeader) + sha256.Size + catalogueFiles*(sha256.Size+16) + 4
	// maxCompact bounds the file, which is not held in memory: a million packages have a quarter of that.
	maxCompact = 1 << 30
)

// errDamaged is that of a kept catalogue that is not what was written.
var errDamaged = errors.New("the kept search catalogue is damaged")

func castagnoli(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

// openCompact opens what is kept of a catalogue: nothing, where the file is not there or is damaged.
func openCompact(path string) *compact {
	f, err := os.Open(path)
	if err != nil {
		return &compact{}
	}
	head := make([]byte, compactHead)
	info, err := f.Stat()
	if err == nil {
		_, err = io.ReadFull(f, head)
	}
	c := &compact{from: f, file: f}
	if err != nil || info.Size() > maxCompact || !c.parse(head, info.Size()) {
		f.Close()
		return &compact{}
	}
	return c
}

func (c *compact) close() {
	if c.file != nil {
		c.file.Close() // it was only read
	}
}

// parse reads the head of a file of some size.
func (c *compact) parse(head []byte, size int64) bool {
	if string(head[:len(compactHeader)]) != compactHeader || castagnoli(head[:compactHead-4]) != binary.BigEndian.Uint32(head[compactHead-4:]) {
		return false
	}
	rest := head[len(compactHeader):]
	rest = rest[copy(c.lists[:], rest):]
	for i := range c.parts {
		p := &c.parts[i]
		rest = rest[copy(p.sum[:], rest):]
		for _, a := range []*area{&p.texts, &p.rows} {
			a.length, a.sum = binary.BigEndian.Uint32(rest), binary.BigEndian.Uint32(rest[4:])
			rest = rest[8:]
		}
	}
	return c.place() == size
}

// place computes where the areas are, and returns the size of the file.
func (c *compact) place() int64 {
	at := int64(compactHead)
	for i := range c.parts {
		c.parts[i].texts.at = at
		at += int64(c.parts[i].texts.length)
	}
	for i := range c.parts {
		c.parts[i].rows.at = at
		at += int64(c.parts[i].rows.length)
	}
	return at
}

// read reads an area.
func (c *compact) read(a area) ([]byte, error) {
	data := make([]byte, a.length)
	if a.length == 0 {
		return data, nil
	}
	if _, err := c.from.ReadAt(data, a.at); err != nil || castagnoli(data) != a.sum {
		return nil, errDamaged
	}
	return data, nil
}

// readAtOnce is how much of the texts is read together: it stays in the processor's cache while it is searched.
const readAtOnce = 256 << 10

// eachText calls each with the texts of some files of the catalogue, which are valid until it returns.
func (c *compact) eachText(first, end int, each func(part int, texts []byte)) error {
	var buf []byte
	for i := first; i < end; {
		last, size := i, 0
		for ; last < end && (size == 0 || size+int(c.parts[last].texts.length) <= readAtOnce); last++ {
			size += int(c.parts[last].texts.length)
		}
		buf = slices.Grow(buf[:0], size)[:size]
		if size > 0 {
			if _, err := c.from.ReadAt(buf, c.parts[i].texts.at); err != nil {
				return errDamaged
			}
		}
		for rest := buf; i < last; i++ {
			a := c.parts[i].texts
			if castagnoli(rest[:a.length]) != a.sum {
				return errDamaged
			}
			each(i, rest[:a.length])
			rest = rest[a.length:]
		}
	}
	return nil
}

// contents are the texts and rows of one file.
type contents struct {
	sum         [sha256.Size]byte
	texts, rows []byte
}

// content reads the texts and rows of a part.
func (c *compact) content(part int) (texts, rows []byte, err error) {
	if texts, err = c.read(c.parts[part].texts); err == nil {
		rows, err = c.read(c.parts[part].rows)
	}
	return texts, rows, err
}

// packed returns the texts and the records of rows, which come from about so many bytes.
func packed(list []SearchRow, size int) (texts, rows []byte) {
	texts = make([]byte, 0, size)
	w, record := &folder{buf: make([]byte, 0, size)}, &folder{}
	for _, r := range list {
		texts = appendText(texts, r)
		record.buf = record.buf[:0]
		for _, text := range []string{r.Name, r.Version, r.Description, r.License, r.ReplacedBy, r.Level} {
			record.text(text)
		}
		record.texts(r.Keywords)
		record.texts(r.Categories)
		record.number(uint64(r.Updated.Unix()))
		record.flag(r.Yanked)
		w.text(string(record.buf))
	}
	return texts, w.buf
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

// newCompact packs a catalogue, and returns the bytes of its file.
func newCompact(lists [sha256.Size]byte, all *[catalogueFiles]contents) (*compact, []byte) {
	c := &compact{lists: lists}
	head := append([]byte(compactHeader), lists[:]...)
	for i := range all {
		p := &c.parts[i]
		p.sum = all[i].sum
		head = append(head, p.sum[:]...)
		for _, x := range []struct {
			to   *area
			data []byte
		}{{&p.texts, all[i].texts}, {&p.rows, all[i].rows}} {
			x.to.length, x.to.sum = uint32(len(x.data)), castagnoli(x.data)
			head = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(head, x.to.length), x.to.sum)
		}
	}
	head = binary.BigEndian.AppendUint32(head, castagnoli(head))
	file := append(make([]byte, 0, c.place()), head...)
	for i := range all {
		file = append(file, all[i].texts...)
	}
	for i := range all {
		file = append(file, all[i].rows...)
	}
	return c, file
}

// keepCompact writes the file of a catalogue; one that is too large is not kept.
func keepCompact(path string, file []byte) error {
	if path == "" || len(file) > maxCompact {
		return nil
	}
	return atomicfile.WriteCache(path, file)
}
