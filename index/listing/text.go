package listing

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	// Dir is the folder of the lists in a published tree.
	Dir = "shards/"
	// TopTarget is the name under which a registry's metadata vouches for the top list. Its path is that of its digest.
	TopTarget = "shards/top"
	// MaxTop and MaxPage bound a top list and a page, MaxShard a shard, in bytes.
	MaxTop   = 64 << 10
	MaxPage  = 64 << 10
	MaxShard = 4 << 20

	maxShards = 4096
	pageSize  = 64 // shards of a page
	maxLength = 1<<53 - 1
	noFile    = "-"
)

// File is what a list says of a file.
type File struct {
	Length int64
	SHA256 [sha256.Size]byte
}

// FileOf describes a file.
func FileOf(data []byte) File { return File{int64(len(data)), sha256.Sum256(data)} }

// folders are the names of the folders of lists, which are for the first five bits of a digest: the digits of base32hex
// (RFC 4648).
const folders = "0123456789abcdefghijklmnopqrstuv"

// Path returns the path of a list.
func (f File) Path() string {
	return Dir + string(folders[f.SHA256[0]>>3]) + "/" + hex.EncodeToString(f.SHA256[:])
}

func (f File) appendTo(text []byte) []byte {
	return hex.AppendEncode(append(strconv.AppendInt(text, f.Length, 10), ' '), f.SHA256[:])
}

// isNone reports whether f stands for a list without files.
func (f File) isNone() bool { return f == File{} }

// hashSize is how much of sha256 of a path stands in a shard.
const hashSize = 16

type pathHash [hashSize]byte

func hashOf(path string) pathHash {
	sum := sha256.Sum256([]byte(path))
	return pathHash(sum[:hashSize])
}

// shard returns the shard of a hash among count, a power of two of at most 4096.
func (h pathHash) shard(count int) int {
	return int(binary.BigEndian.Uint16(h[:])) * count >> 16
}

// row is a line of a shard.
type row struct {
	hash pathHash
	file File
}

// minRows is how many files a shard has at least, on average: with fewer, a request costs more than what it brings.
const minRows = 16

// Count returns the number of shards for so many files.
func Count(files int64) int {
	count := 1
	// The power of two c nearest to s is that of s/sqrt2 <= c < s*sqrt2; with s = sqrt(300 N), of c*c <= 600 N.
	for count < maxShards && int64(2*count)*int64(2*count) <= 600*files && int64(2*count)*minRows <= files {
		count *= 2
	}
	return count
}

func pages(count int) int { return (count + pageSize - 1) / pageSize }

// top is the top list.
type top struct {
	shards int
	files  int64
	pages  []File
}

func (t *top) text() []byte {
	return append(fmt.Appendf(nil, "shards %d files %d\n", t.shards, t.files), formatFiles(t.pages)...)
}

func parseTop(text []byte) (*top, error) {
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	fields := strings.Split(string(first), " ")
	if len(fields) != 4 {
		return nil, errors.New("its first line is not that of a top list")
	}
	shards, err1 := number(fields[1], maxShards)
	files, err2 := number(fields[3], maxLength)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if shards < 1 || shards&(shards-1) != 0 {
		return nil, fmt.Errorf("it has %d shards, which is no power of two", shards)
	}
	t := &top{shards: int(shards), files: files}
	if t.pages, err1 = parseFiles(rest, pages(t.shards), MaxPage); err1 != nil {
		return nil, err1
	}
	if !bytes.Equal(t.text(), text) {
		return nil, errors.New("it is not written as top lists are")
	}
	return t, nil
}

// formatFiles writes the lines of a page, or of the pages in a top list.
func formatFiles(files []File) []byte {
	var text []byte
	for _, f := range files {
		if f.isNone() {
			text = append(text, noFile+"\n"...)
			continue
		}
		text = append(f.appendTo(text), '\n')
	}
	return text
}

func parseFiles(text []byte, want int, limit int64) ([]File, error) {
	if got := bytes.Count(text, []byte("\n")); got != want {
		return nil, fmt.Errorf("it has %d lines, not %d", got, want)
	}
	var files []File
	for line := range strings.Lines(string(text)) {
		f := File{}
		if line = strings.TrimSuffix(line, "\n"); line != noFile {
			var err error
			if f, err = parseFile(line, limit); err != nil {
				return nil, err
			}
			if f.Length == 0 {
				return nil, errors.New("it names a list without bytes")
			}
		}
		files = append(files, f)
	}
	if !bytes.Equal(formatFiles(files), text) {
		return nil, errors.New("it is not written as lists are")
	}
	return files, nil
}

func parseFile(text string, limit int64) (File, error) {
	length, digest, _ := strings.Cut(text, " ")
	n, err := number(length, limit)
	if err != nil {
		return File{}, err
	}
	f := File{Length: n}
	return f, decodeHex(f.SHA256[:], digest)
}

func number(text string, limit int64) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > limit {
		return 0, fmt.Errorf("%.40q is not a number of 0 to %d", text, limit)
	}
	return n, nil
}

func decodeHex(into []byte, text string) error {
	if len(text) != hex.EncodedLen(len(into)) {
		return fmt.Errorf("%.80q does not have %d digits", text, hex.EncodedLen(len(into)))
	}
	_, err := hex.Decode(into, []byte(text))
	return err
}

func formatRows(rows []row) []byte {
	var text []byte
	for _, r := range rows {
		text = append(hex.AppendEncode(text, r.hash[:]), ' ')
		text = append(r.file.appendTo(text), '\n')
	}
	return text
}

// parseRows reads shard number n of count.
func parseRows(text []byte, n, count int) ([]row, error) {
	var rows []row
	for line := range strings.Lines(string(text)) {
		hash, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		var r row
		var err error
		if err = decodeHex(r.hash[:], hash); err == nil {
			r.file, err = parseFile(rest, maxLength)
		}
		if err != nil {
			return nil, err
		}
		if r.hash.shard(count) != n {
			return nil, fmt.Errorf("a row belongs to shard %d of %d, not %d", r.hash.shard(count), count, n)
		}
		if len(rows) > 0 && bytes.Compare(rows[len(rows)-1].hash[:], r.hash[:]) >= 0 {
			return nil, errors.New("its rows are not in order")
		}
		rows = append(rows, r)
	}
	if len(rows) == 0 || !bytes.Equal(formatRows(rows), text) {
		return nil, errors.New("it is not written as shards are")
	}
	return rows, nil
}

func findRow(rows []row, hash pathHash) (int, bool) {
	return slices.BinarySearchFunc(rows, hash, func(r row, h pathHash) int { return bytes.Compare(r.hash[:], h[:]) })
}
