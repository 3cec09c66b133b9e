package index

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/geeknik/gal-pkg/version"
)

// Decoder reads lines. It remembers the requirements it has parsed, because a registry writes the same few thousand
// over and over. The zero value is ready; a Decoder is not for use by several goroutines at once.
type Decoder struct {
	requirements map[string]version.Requirement
	words        map[string]string // see scanner
	scratch      writer            // of the encoding that each line is compared with
	room         []Dependency      // those of a line while they are read
	last         []Dependency      // those of the line before
}

// shared returns a copy of dependencies, which is that of the line before where this has the same: most releases depend on
// what the one before did.
func (d *Decoder) shared(list []Dependency) []Dependency {
	if len(list) == 0 {
		return nil
	}
	if !slices.EqualFunc(list, d.last, func(a, b Dependency) bool { return a.Equal(&b) }) {
		d.last = slices.Clone(list)
	}
	return d.last
}

func (d *Decoder) requirement(text string) (version.Requirement, error) {
	if r, ok := d.requirements[text]; ok {
		return r, nil
	}
	r, err := version.ParseRequirement(text)
	if err == nil {
		if d.requirements == nil {
			d.requirements = map[string]version.Requirement{}
		}
		d.requirements[text] = r
	}
	return r, err
}

// errMalformed is wrapped by every error of the line format.
var errMalformed = errors.New("malformed")

// Decode reads one line, without its line feed; the Line keeps the slice, which must not change any more. It accepts exactly the bytes that [Line.Bytes] writes: whatever order,
// spacing, escape or empty member the canonical form does not have is refused, and so is a value that breaks the rules
// of its member.
func (d *Decoder) Decode(line []byte) (*Line, error) {
	if len(line) > MaxLine {
		return nil, fmt.Errorf("%w line: %d bytes are more than %d", errMalformed, len(line), MaxLine)
	}
	l, err := d.decode(line)
	if err != nil {
		return nil, fmt.Errorf("%w line: %w", errMalformed, err)
	}
	l.raw = line
	if l.V != LineVersion {
		return l, nil
	}
	if err := l.Check(); err != nil {
		return nil, fmt.Errorf("%w line: %w", errMalformed, err)
	}
	d.scratch.buf = d.scratch.buf[:0]
	l.encode(&d.scratch)
	if encoded := d.scratch.buf; !bytes.Equal(encoded, line) {
		return nil, fmt.Errorf("%w line: not in canonical form from byte %d on", errMalformed, firstDifference(encoded, line))
	}
	return l, nil
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func (d *Decoder) decode(line []byte) (*Line, error) {
	if d.words == nil {
		d.words = make(map[string]string, maxWords)
	}
	s := &scanner{data: line, words: d.words}
	l := &Line{}
	position, last := 0, ""
	err := s.members(func(name string) error {
		position++
		last = name
		switch position {
		case 1:
			return l.decodeVersion(name, s)
		case 2:
			return l.decodeEvent(name, s)
		case 3:
			return l.decodeSubject(name, s)
		}
		if l.V != LineVersion {
			return l.decodeUnknown(name, position, s)
		}
		return l.decodeMember(name, s, d)
	})
	if err != nil {
		return nil, err
	}
	switch {
	case position < 3:
		return nil, errors.New("a line begins with v, event and name or id")
	case last != "sig" || l.By == "" || l.Until.IsZero():
		return nil, errors.New("a line ends with by, after, until and sig")
	case l.V != LineVersion && l.Event == EventPublish && l.version == "":
		return nil, errors.New("the fourth member of a publish is version")
	}
	return l, s.end()
}

func (l *Line) decodeVersion(name string, s *scanner) (err error) {
	if name != "v" {
		return s.failf("the first member is v, not %q", name)
	}
	l.V, err = s.integer()
	if err == nil && l.V < 1 {
		return s.failf("v begins at 1")
	}
	return err
}

func (l *Line) decodeEvent(name string, s *scanner) error {
	if name != "event" {
		return s.failf("the second member is event, not %q", name)
	}
	text, err := s.text()
	l.Event = Event(text)
	if err == nil && l.V == LineVersion {
		if l.Body = newBody(l.Event); l.Body == nil {
			return s.failf("event %q does not exist", text)
		}
	}
	return err
}

func (l *Line) decodeSubject(name string, s *scanner) (err error) {
	known := name == "name" || name == "id"
	if l.V == LineVersion {
		known = name == subjectMember(l.Event)
	}
	if !known {
		return s.failf("the third member is %s, not %q", subjectMember(l.Event), name)
	}
	l.Subject, err = s.text()
	return err
}

func (l *Line) decodeMember(name string, s *scanner, d *Decoder) (err error) {
	switch name {
	case "root":
		var n int64
		n, err = s.integer()
		l.Root = &n
	case "by":
		l.By, err = s.text()
	case "after":
		err = decodeDigest(&l.After, s)
	case "until":
		l.Until, err = s.time()
	case "sig":
		err = l.Sig.decode(s)
	default:
		var ok bool
		if ok, err = l.Body.decode(name, s, d); err == nil && !ok {
			return s.failf("a %s line has no member %q", l.Event, name)
		}
	}
	return err
}

// decodeUnknown reads a line of a version that this program does not know: what every version has, and the rest is
// passed over as bytes.
func (l *Line) decodeUnknown(name string, position int, s *scanner) error {
	if position == 4 && l.Event == EventPublish {
		if name != "version" {
			return s.failf("the fourth member of a publish is version, not %q", name)
		}
		text, err := s.text()
		if err != nil {
			return err
		}
		v, err := version.Parse(text)
		if err != nil {
			return err
		}
		l.version = v.String()
		return nil
	}
	switch name {
	case "by", "after", "until", "sig":
		return l.decodeMember(name, s, nil)
	}
	return s.skip(0)
}
