package index

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/manifest"
)

const (
	// MaxLine is the greatest length of a line, in bytes, without its line feed.
	MaxLine = 64 << 10
	// MaxFile is the greatest length of an index or publisher file, in bytes.
	MaxFile = 64 << 20
	// LineVersion is the newest version of the line format that this package reads whole.
	LineVersion = 1
	// maxList bounds every list in a line.
	maxList = 1024
)

// Line is one event of a package or a publisher. The members stand in the order of the fields; [Line.Body] holds those
// that only one event has.
type Line struct {
	V       int64
	Event   Event
	Subject string // the package's name, or the publisher's id
	Body    Body   // nil where V is not known: then only Version, By, After, Until and Sig are there
	Root    *int64 // for lines of @root and @registry: the number of the root metadata that names their key
	By      string // a publisher's id, ByRegistry or ByRoot
	After   Digest // the line that this one builds on; "" for the first
	Until   time.Time
	Sig     Signature

	raw     []byte // the bytes of the line, without the line feed
	version string // of a publish whose V is not known
}

// Bytes returns the line in canonical form, without a line feed: those it was decoded from, or what its fields give.
// A line that is made must pass [Line.Check] first.
func (l *Line) Bytes() []byte {
	if l.raw != nil {
		return l.raw
	}
	w := &writer{buf: make([]byte, 0, 1024)}
	l.encode(w)
	return w.buf
}

func (l *Line) encode(w *writer) {
	l.encodeUnsigned(w)
	w.name("sig")
	l.Sig.encode(w)
	w.close()
}

// encodeUnsigned writes everything before sig, and leaves the object open.
func (l *Line) encodeUnsigned(w *writer) {
	w.open()
	w.integer("v", l.V)
	w.text("event", string(l.Event))
	w.text(subjectMember(l.Event), l.Subject)
	l.Body.encode(w)
	w.optionalInteger("root", l.Root)
	w.text("by", l.By)
	w.text("after", string(l.After))
	w.time("until", l.Until)
}

// Digest returns the digest of the line: the sha256 of its bytes before the last `,"sig":`, with a closing brace. It
// names the line in `after`, in refs and in the statement that is signed. The same from a shell:
//
//	sed -E 's/(.*),"sig":.*$/\1}/' | tr -d '\n' | sha256sum
func (l *Line) Digest() Digest {
	if l.raw == nil {
		w := &writer{buf: make([]byte, 0, 1024)}
		l.encodeUnsigned(w)
		w.close()
		return DigestOf(w.buf)
	}
	cut := bytes.LastIndex(l.raw, []byte(`,"sig":`))
	var room [2048]byte
	return DigestOf(append(append(room[:0], l.raw[:cut]...), '}'))
}

// Version returns the version that the line is about, "" where it is about none.
func (l *Line) Version() string {
	switch b := l.Body.(type) {
	case *Publish:
		return b.Version.String()
	case *Yank:
		return b.Version.String()
	case *Unyank:
		return b.Version.String()
	}
	return l.version
}

// Check reports what in a line of a known version breaks the rules of the format.
func (l *Line) Check() error {
	if l.V != LineVersion {
		return fmt.Errorf("v is %d, this program writes %d", l.V, LineVersion)
	}
	if err := l.checkSubject(); err != nil {
		return err
	}
	if err := checkSpeaker(l.By, true); err != nil {
		return fmt.Errorf("by: %w", err)
	}
	if official(l.By) != (l.Root != nil) {
		return errors.New("root stands in the lines of @registry and @root, and only there")
	}
	if l.After != "" {
		if err := l.After.Check(); err != nil {
			return fmt.Errorf("after: %w", err)
		}
	}
	if l.Until.IsZero() {
		return errors.New("until is missing")
	}
	if err := l.Sig.check(); err != nil {
		return fmt.Errorf("sig: %w", err)
	}
	if err := l.Body.check(); err != nil {
		return err
	}
	return l.checkBytes()
}

// checkBytes holds what was written against the rules for texts; what was read has passed them already.
func (l *Line) checkBytes() error {
	if l.raw != nil {
		return nil
	}
	encoded := l.Bytes()
	if len(encoded) > MaxLine {
		return fmt.Errorf("%d bytes are more than %d", len(encoded), MaxLine)
	}
	return checkText(encoded)
}

func (l *Line) checkSubject() error {
	if l.Event.OfPublisher() {
		return CheckID(l.Subject)
	}
	return manifest.CheckName(l.Subject)
}

// CheckID reports whether a publisher's id or a group is well formed: one part of a package name, without a scope.
func CheckID(id string) error {
	if strings.Contains(id, "/") {
		return fmt.Errorf("id %q holds a slash", id)
	}
	if err := manifest.CheckName(id); err != nil {
		return fmt.Errorf("id %q: %w", id, err)
	}
	return nil
}

func checkSpeaker(by string, special bool) error {
	if special && official(by) {
		return nil
	}
	return CheckID(by)
}

// sortedUnique reports whether a list is sorted by bytes and holds nothing twice.
func sortedUnique(list []string) bool {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return false
		}
	}
	return true
}

func checkList(name string, list []string, most int) error {
	if len(list) > most {
		return fmt.Errorf("%s has more than %d entries", name, most)
	}
	if slices.Contains(list, "") {
		return fmt.Errorf("%s has an empty entry", name)
	}
	return nil
}
