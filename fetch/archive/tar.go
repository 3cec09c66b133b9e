package archive

import (
	"bytes"
	"io"
	"path"
	"strconv"
	"strings"
)

const (
	blockSize = 512
	maxPAX    = 1024 // bytes of the one PAX record: its path and a few more
)

// walk reads a tar stream strictly and calls each for every file in order; each must read the whole body. The standard
// library's reader is made to accept what many programs wrote; this one accepts what Pack writes, and takes only the
// modes, owners and times of others.
func walk(t *tarReader, prefix string, o Options, each func(Entry, *body) error) error {
	names := newNameSet()
	last := ""
	left := o.MaxUnpacked
	for count := 0; ; count++ {
		e, err := nextEntry(t, prefix)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if count >= o.MaxFiles {
			return tooBig("more than %d files", o.MaxFiles)
		}
		if left -= e.Size; left < 0 {
			return tooBig("more than %d bytes unpacked", o.MaxUnpacked)
		}
		if err := names.add(e.Path); err != nil {
			return unsafef("%w", err)
		}
		if e.Path < last {
			return unsafef("%q comes after %q", e.Path, last)
		}
		last = e.Path
		if err := readBody(t, e, each); err != nil {
			return err
		}
	}
}

// body is the content of one file.
type body struct {
	t    *tarReader
	left int64
}

// next returns the next piece, which is there until the next call; io.EOF is the end. What fits into [bufSize] comes in one.
func (b *body) next() ([]byte, error) {
	if b.left == 0 {
		return nil, io.EOF
	}
	piece, err := b.t.next(int(min(b.left, bufSize)))
	b.left -= int64(len(piece))
	return piece, shortOr(err)
}

func readBody(t *tarReader, e Entry, each func(Entry, *body) error) error {
	if err := each(e, &body{t: t, left: e.Size}); err != nil {
		return err
	}
	pad, err := t.next(int(-e.Size & (blockSize - 1)))
	if err != nil {
		return shortOr(err)
	}
	if !zeros(pad) {
		return unsafef("the padding after %q is not zero", e.Path)
	}
	return nil
}

// zeros reports whether at most a block is nothing but zeros.
func zeros(b []byte) bool {
	var none [blockSize]byte
	return bytes.Equal(b, none[:len(b)])
}

// nextEntry reads the header of the next file, with its PAX header where it has one; io.EOF is the proper end.
func nextEntry(t *tarReader, prefix string) (Entry, error) {
	h, err := readHeader(t)
	if err != nil {
		return Entry{}, err
	}
	name := h.name
	if h.kind == 'x' {
		long, err := readPAX(t, h.size)
		if err != nil {
			return Entry{}, err
		}
		if h, err = readHeader(t); err == io.EOF {
			return Entry{}, unsafef("a PAX header belongs to no file")
		} else if err != nil {
			return Entry{}, err
		}
		if h.name != shortName(long) {
			return Entry{}, unsafef("the headers call one file %q and %q", h.name, long)
		}
		name = long
	}
	if h.kind != '0' {
		return Entry{}, unsafef("%q is not a regular file (type %q)", name, h.kind)
	}
	below, ok := strings.CutPrefix(name, prefix+"/")
	if !ok {
		return Entry{}, unsafef("%q is not below %q", name, prefix+"/")
	}
	if err := CheckPath(below); err != nil {
		return Entry{}, unsafef("%w", err)
	}
	return Entry{Path: below, Executable: h.mode&0o111 != 0, Size: h.size}, nil
}

// header is what counts in a USTAR header block.
type header struct {
	name string
	kind byte
	size int64
	mode int64
}

// readHeader reads one header block; io.EOF stands for the two zero blocks and the end of the stream after them.
func readHeader(t *tarReader) (header, error) {
	b, err := t.next(blockSize)
	if err != nil {
		return header{}, shortOr(err)
	}
	if zeros(b) {
		return header{}, readEnd(t)
	}
	if string(b[257:265]) != "ustar\x0000" {
		return header{}, unsafef("a header is not USTAR")
	}
	if !checksumFits(b) {
		return header{}, corrupt("a header has a wrong checksum")
	}
	name, ok := text(b[0:100])
	folder, okFolder := text(b[345:500])
	link, okLink := text(b[157:257])
	mode, okMode := octal(b[100:108])
	size, okSize := octal(b[124:136])
	h := header{name: name, kind: b[156], mode: mode, size: size}
	if folder != "" {
		h.name = folder + "/" + name
	}
	switch {
	case !ok || !okFolder || !okLink:
		return header{}, unsafef("a header has something after the end of a name")
	case !okMode || !okSize:
		return header{}, unsafef("a header of %q has a number that is not octal", h.name)
	case link != "":
		return header{}, unsafef("%q is a link to %q", h.name, link)
	}
	return h, nil
}

// readEnd expects the second zero block and nothing more.
func readEnd(t *tarReader) error {
	b, err := t.next(blockSize)
	if err != nil {
		return shortOr(err)
	}
	if !zeros(b) {
		return unsafef("the end of the tar is not two blocks of zeros")
	}
	if _, err = t.next(1); err == nil {
		return unsafef("something follows the end of the tar")
	}
	return err
}

func checksumFits(b []byte) bool {
	want, ok := octal(b[148:156])
	return ok && want == sumOf(b[:148])+8*' '+sumOf(b[156:])
}

func sumOf(b []byte) (sum int64) {
	for _, c := range b {
		sum += int64(c)
	}
	return sum
}

// text reads a field that a NUL ends; after it there may only be more of them, so that nothing hides there.
func text(field []byte) (string, bool) {
	s, rest, _ := bytes.Cut(field, []byte{0})
	return string(s), len(bytes.Trim(rest, "\x00")) == 0
}

// octal reads a number field: octal digits ended by NULs or spaces. The binary form for great numbers is refused.
func octal(field []byte) (int64, bool) {
	digits := strings.TrimRight(string(field), " \x00")
	if digits == "" {
		return 0, strings.Trim(string(field), " \x00") == ""
	}
	n, err := strconv.ParseUint(digits, 8, 62)
	return int64(n), err == nil && digits[0] != '+'
}

// readPAX reads a PAX body that holds exactly one record, the path.
func readPAX(t *tarReader, size int64) (string, error) {
	if size > maxPAX {
		return "", unsafef("a PAX header of %d bytes is longer than %d", size, maxPAX)
	}
	body, err := t.next(int(size + (-size & (blockSize - 1))))
	if err != nil {
		return "", shortOr(err)
	}
	if len(bytes.Trim(body[size:], "\x00")) != 0 {
		return "", unsafef("the padding of a PAX header is not zero")
	}
	record := string(body[:size])
	length, rest, ok := strings.Cut(record, " ")
	if !ok || length != strconv.Itoa(len(record)) || !strings.HasSuffix(rest, "\n") {
		return "", unsafef("a PAX header is not one record")
	}
	key, value, _ := strings.Cut(strings.TrimSuffix(rest, "\n"), "=")
	if key != "path" {
		return "", unsafef("a PAX header has the record %q; only path is allowed", key)
	}
	if strings.ContainsRune(value, 0) {
		return "", unsafef("a PAX path has a NUL")
	}
	return value, nil
}

// shortName is what the USTAR header of a file with a PAX path must say: a reader that knows no PAX may see a shortened
// path, never another one.
func shortName(long string) string {
	ascii := make([]byte, 0, len(long))
	for i := range len(long) {
		if long[i] < 0x80 {
			ascii = append(ascii, long[i])
		}
	}
	if len(ascii) > 100 {
		ascii = ascii[:100]
		if ascii[99] == '/' {
			ascii = bytes.TrimRight(ascii, "/")
		}
	}
	return string(ascii)
}

// topFolder reports whether prefix can be the one folder at the top of an archive.
func topFolder(prefix string) bool {
	return CheckPath(prefix) == nil && path.Base(prefix) == prefix
}
