package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
)

// maxListing bounds a listing: the greatest number of the longest lines.
const maxListing = archive.MaxFiles*(archive.MaxPath+96) + 1024

const listingHead = "gal-tree 1\n"

// listing is what a tree must look like.
type listing struct {
	archive string // digest of the archive that it was made from
	boot    string
	files   []archive.Entry // sorted by path
}

// format writes the listing as the package comment says.
func (l *listing) format() []byte {
	const perFile = 160 // most lines are shorter
	b := make([]byte, 0, 256+perFile*len(l.files))
	b = fmt.Appendf(b, "%sarchive %s\nboot %s\n", listingHead, l.archive, l.boot)
	for _, e := range l.files {
		kind := "f "
		if e.Executable {
			kind = "x "
		}
		b = strconv.AppendInt(append(b, kind...), e.Size, 10)
		b = hex.AppendEncode(append(b, ' '), e.SHA256[:])
		b = append(append(append(b, ' '), e.Path...), '\n')
	}
	return append(b, listingEnd(b)...)
}

// listingEnd is the last line of a listing, from those before it.
func listingEnd(above []byte) string { return fmt.Sprintf("end sha256:%x\n", sha256.Sum256(above)) }

var errListing = errors.New("its listing was damaged")

// parseListing reads a listing; whatever is not exactly as format writes it is errListing.
func parseListing(data []byte) (*listing, error) {
	end := len(data) - len("end sha256:\n") - sha256.Size*2
	if end < 0 || string(data[end:]) != listingEnd(data[:end]) {
		return nil, errListing
	}
	text, ok := strings.CutPrefix(string(data[:end]), listingHead)
	if !ok {
		return nil, errListing
	}
	l := &listing{}
	if l.archive, text, ok = headLine(text, "archive "); !ok {
		return nil, errListing
	}
	if l.boot, text, ok = headLine(text, "boot "); !ok {
		return nil, errListing
	}
	l.files = make([]archive.Entry, 0, strings.Count(text, "\n"))
	for text != "" {
		line, rest, ok := strings.Cut(text, "\n")
		text = rest
		e, entryOK := parseEntry(line)
		if !ok || !entryOK || len(l.files) > 0 && l.files[len(l.files)-1].Path >= e.Path {
			return nil, errListing
		}
		l.files = append(l.files, e)
	}
	return l, nil
}

const (
	damageHead = "gal-damaged 1\n"
	maxDamage  = 1 << 10 // bytes of what was found
)

// formatDamage notes in place of a tree's listing what was found in it.
func formatDamage(what string) []byte {
	what, _, _ = strings.Cut(what, "\n")
	return []byte(damageHead + what[:min(len(what), maxDamage)] + "\n")
}

// ParseDamage returns what was found in a tree, where that is noted in place of its listing ([Cache.Distrust]).
func ParseDamage(listing []byte) (what string, ok bool) {
	text, ok := strings.CutPrefix(string(listing[:min(len(listing), len(damageHead)+maxDamage+1)]), damageHead)
	what, rest, ended := strings.Cut(text, "\n")
	if !ok || !ended || rest != "" || what == "" {
		return "", false
	}
	return what, true
}

func headLine(text, key string) (value, rest string, ok bool) {
	line, rest, ok := strings.Cut(text, "\n")
	value, found := strings.CutPrefix(line, key)
	return value, rest, ok && found && value != ""
}

func parseEntry(line string) (e archive.Entry, ok bool) {
	kind, line, _ := strings.Cut(line, " ")
	size, line, _ := strings.Cut(line, " ")
	sum, path, _ := strings.Cut(line, " ")
	n, err := strconv.ParseUint(size, 10, 62)
	if err != nil || kind != "f" && kind != "x" || len(sum) != 2*sha256.Size || !filepath.IsLocal(path) {
		return e, false
	}
	if _, err := hex.Decode(e.SHA256[:], []byte(sum)); err != nil {
		return e, false
	}
	e.Path, e.Size, e.Executable = path, int64(n), kind == "x"
	return e, true
}

// folders returns the folders that the files need, sorted; "" is the tree itself.
func (l *listing) folders() []string {
	set := map[string]bool{"": true}
	for _, e := range l.files {
		for p := e.Path; ; {
			i := strings.LastIndexByte(p, '/')
			if i < 0 || set[p[:i]] {
				break
			}
			p = p[:i]
			set[p] = true
		}
	}
	all := make([]string, 0, len(set))
	for f := range set {
		all = append(all, f)
	}
	slices.Sort(all)
	return all
}

// find returns the entry of a path.
func (l *listing) find(path string) (archive.Entry, bool) {
	i, ok := slices.BinarySearchFunc(l.files, path, func(e archive.Entry, p string) int { return strings.Compare(e.Path, p) })
	if !ok {
		return archive.Entry{}, false
	}
	return l.files[i], true
}

func readListing(path string) (*listing, error) {
	data, err := atomicfile.Read(path, maxListing)
	if err != nil {
		return nil, err
	}
	return parseListing(data)
}

// bootID names this run of the system, "-" where there is no telling. A tree that was written before a crash of the
// machine may hold zeros where the disk had not yet been told.
func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	id := strings.TrimSpace(string(data))
	if err != nil || len(id) != 36 || strings.ContainsAny(id, " \n") {
		return "-"
	}
	return id
}
