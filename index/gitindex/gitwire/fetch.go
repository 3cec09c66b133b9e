package gitwire

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// Filter says what a server is to leave out. What is wanted by its id comes all the same.
type Filter string

// The filters that are asked for; "" leaves nothing out.
const (
	NoFiles Filter = "blob:none"                // all files
	Upper   Filter = "combine:blob:none+tree:3" // of a commit, all but its folders of the first [UpperLevels] levels
)

// UpperLevels is how many levels of folders [Upper] leaves in, the root being the first.
const UpperLevels = 3

// Fetch is a request for objects.
type Fetch struct {
	Wants  []gitrepo.Hash
	Depth  int          // commits of history; 0 for no bound
	Filter Filter       // where the server has no filters, everything comes
	Have   gitrepo.Hash // a commit whose snapshot is here, as far as it was asked for; zero for none
	Edge   gitrepo.Hash // a commit that is here without its history, where Have is not set; zero for none
}

// thin reports whether the request builds on what is here. Without the bound the server would take all before Have for
// known.
func (f Fetch) thin(g Greeting) bool {
	return !f.Have.IsZero() && f.Depth > 0 && g.can("shallow") && (g.Version == 2 || g.can("thin-pack"))
}

// Request returns the bytes to send to a server that has greeted so.
func (f Fetch) Request(g Greeting) []byte {
	var m message
	if g.Version == 2 {
		m.line("command=fetch")
		m.line(agent)
		if g.features["object-format"] != "" {
			m.line("object-format=%s", g.ObjectFormat())
		}
		m.delim()
		for _, word := range f.words(g) {
			m.line("%s", word)
		}
	}
	for i, h := range f.Wants {
		if i == 0 && g.Version == 0 {
			m.line("want %s %s", h, strings.Join(f.words(g), " "))
			continue
		}
		m.line("want %s", h)
	}
	if f.thin(g) {
		m.line("shallow %s", f.Have)
	} else if !f.Edge.IsZero() && g.can("shallow") {
		m.line("shallow %s", f.Edge)
	}
	if f.Depth > 0 && g.can("shallow") {
		m.line("deepen %d", f.Depth)
	}
	if f.Filter != "" && g.Filters() {
		m.line("filter %s", f.Filter)
	}
	if g.Version == 0 {
		m.flush()
	}
	if f.thin(g) {
		m.line("have %s", f.Have)
	}
	m.line("done")
	if g.Version == 2 {
		m.flush()
	}
	return m
}

// words are the features that the request makes use of.
func (f Fetch) words(g Greeting) []string {
	var words []string
	if f.thin(g) {
		words = append(words, "thin-pack")
	}
	if g.Version == 2 {
		return append(words, "ofs-delta", "no-progress")
	}
	for _, w := range []string{"side-band-64k", "ofs-delta", "no-progress"} {
		if g.can(w) {
			words = append(words, w)
		}
	}
	if (f.Depth > 0 || !f.Edge.IsZero()) && g.can("shallow") {
		words = append(words, "shallow")
	}
	if f.Filter != "" && g.Filters() {
		words = append(words, "filter")
	}
	return append(words, agent)
}

// ReadPack returns the pack of the answer to a request. It ends where the pack's frames do; an answer that is cut off
// before is [io.ErrUnexpectedEOF].
func (f Fetch) ReadPack(g Greeting, src io.Reader) (io.Reader, error) {
	l := newLines(src)
	if g.Version == 2 {
		return &bands{l: l}, skipSections(l)
	}
	if f.Depth > 0 && g.can("shallow") {
		if err := skipShallow(l); err != nil {
			return nil, err
		}
	}
	return readAcks(l, g.can("side-band-64k"))
}

// maxInfo bounds the lines before a pack, of which there is one a commit at the edge of history.
const maxInfo = 100_000

// skipSections goes over what v2 says before the pack, up to the line "packfile".
func skipSections(l *lines) error {
	for range maxInfo {
		k, line, err := l.text()
		if err != nil {
			return err
		}
		if k == data && line == "packfile" {
			return nil
		}
		if k == flush {
			return fmt.Errorf("%w: an answer without a pack", ErrMalformed)
		}
	}
	return fmt.Errorf("%w: more than %d lines before a pack", ErrMalformed, maxInfo)
}

// skipShallow goes over the edge of history that v0 names when it is asked for a depth.
func skipShallow(l *lines) error {
	for range maxInfo {
		k, line, err := l.text()
		switch {
		case err != nil:
			return err
		case k == flush:
			return nil
		case k != data || !strings.HasPrefix(line, "shallow ") && !strings.HasPrefix(line, "unshallow "):
			return fmt.Errorf("%w: %.100q before a pack", ErrMalformed, line)
		}
	}
	return fmt.Errorf("%w: more than %d lines before a pack", ErrMalformed, maxInfo)
}

// readAcks goes over the server's word on what is here, "ACK id" or "NAK", and returns the pack behind it.
func readAcks(l *lines, banded bool) (io.Reader, error) {
	for range maxInfo {
		head, err := l.raw(4)
		if err != nil {
			return nil, err
		}
		if !banded && string(head) == "PACK" {
			return io.MultiReader(strings.NewReader("PACK"), l.src), nil
		}
		k, line, err := l.body(head)
		if err != nil {
			return nil, err
		}
		if k == data && (bytes.HasPrefix(line, []byte("ACK ")) || bytes.HasPrefix(line, []byte("NAK"))) {
			continue
		}
		if k != data || !banded {
			return nil, fmt.Errorf("%w: an answer without a pack", ErrMalformed)
		}
		b := bands{l: l}
		return &b, b.take(line)
	}
	return nil, fmt.Errorf("%w: more than %d lines before a pack", ErrMalformed, maxInfo)
}

// bands reads band 1 of the three that lines are marked with by their first byte: 1 the pack, 2 progress, which is
// dropped, 3 the server's last words.
type bands struct {
	l    *lines
	rest []byte // of the line that is being read
	done bool
}

func (b *bands) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.done {
			return 0, io.EOF
		}
		k, line, err := b.l.next()
		if err != nil {
			return 0, err
		}
		if k == flush {
			b.done = true
			continue
		}
		if k != data {
			return 0, fmt.Errorf("%w: a section in a pack", ErrMalformed)
		}
		if err := b.take(line); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *bands) take(line []byte) error {
	if len(line) == 0 {
		return fmt.Errorf("%w: an empty line in a pack", ErrMalformed)
	}
	switch text := line[1:]; line[0] {
	case 1:
		b.rest = text
	case 2:
	case 3:
		return &ServerError{strings.TrimSpace(string(text[:min(len(text), 1000)]))}
	default:
		return fmt.Errorf("%w: band %d", ErrMalformed, line[0])
	}
	return nil
}
