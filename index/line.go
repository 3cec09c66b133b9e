package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
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

// Event is what a line says happened.
type Event string

const (
	EventPublish        Event = "publish"
	EventYank           Event = "yank"
	EventUnyank         Event = "unyank"
	EventDeprecate      Event = "deprecate"
	EventOwners         Event = "owners"
	EventTombstone      Event = "tombstone"
	EventRecover        Event = "recover"
	EventRegister       Event = "register"
	EventAddKey         Event = "add-key"
	EventRevokeKey      Event = "revoke-key"
	EventAddIdentity    Event = "add-identity"
	EventRemoveIdentity Event = "remove-identity"
)

const (
	// ByRegistry signs for the registry itself: yanks and deprecations that its owners did not make.
	ByRegistry = "@registry"
	// ByRoot signs with the offline root keys: recovery of what nobody owns any more.
	ByRoot = "@root"
)

// Digest is "sha256:" and 64 lower-case hexadecimal digits.
type Digest string

// DigestOf returns the digest of data.
func DigestOf(data []byte) Digest {
	sum := sha256.Sum256(data)
	return Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// Hex returns the digits alone.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), "sha256:") }

// Check reports whether d is well formed.
func (d Digest) Check() error {
	digits, ok := strings.CutPrefix(string(d), "sha256:")
	if !ok || len(digits) != 64 || strings.Trim(digits, "0123456789abcdef") != "" {
		return fmt.Errorf("%q is not sha256: and 64 hexadecimal digits", string(d))
	}
	return nil
}

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

// Signature is the last member of a line.
type Signature struct {
	Key    string // hint of the key: base64 of the sha256 of its SPKI
	Value  string // base64 of the DER signature of the statement
	Bundle Digest // instead of both, for a keyless signature: the bundle's file
	Also   []Cosignature
}

// Cosignature is a further signature of the same statement, where a threshold or a new key asks for it.
type Cosignature struct {
	By     string
	Key    string
	Value  string
	Bundle Digest
}

// Body is the part of a line that depends on its event. The types are [*Publish], [*Yank], [*Unyank], [*Deprecate],
// [*Owners], [*Tombstone], [*Recover] for packages and [*Register], [*AddKey], [*RevokeKey], [*AddIdentity],
// [*RemoveIdentity] for publishers.
type Body interface {
	event() Event
	encode(w *writer)
	// decode reads the value of the member called name; ok is false where the event has no such member.
	decode(name string, s *scanner, d *Decoder) (ok bool, err error)
	check() error
}

// newBody returns an empty body of an event, nil for an event that is not known.
func newBody(e Event) Body {
	switch e {
	case EventPublish:
		return new(Publish)
	case EventYank:
		return new(Yank)
	case EventUnyank:
		return new(Unyank)
	case EventDeprecate:
		return new(Deprecate)
	case EventOwners:
		return new(Owners)
	case EventTombstone:
		return new(Tombstone)
	case EventRecover:
		return new(Recover)
	case EventRegister:
		return new(Register)
	case EventAddKey:
		return new(AddKey)
	case EventRevokeKey:
		return new(RevokeKey)
	case EventAddIdentity:
		return new(AddIdentity)
	case EventRemoveIdentity:
		return new(RemoveIdentity)
	}
	return nil
}

// OfPublisher reports whether an event stands in a publisher's file; the others stand in a package's.
func (e Event) OfPublisher() bool {
	switch e {
	case EventRegister, EventAddKey, EventRevokeKey, EventAddIdentity, EventRemoveIdentity:
		return true
	}
	return false
}

// Decoder reads lines. It remembers the requirements it has parsed, because a registry writes the same few thousand
// over and over. The zero value is ready; a Decoder is not for use by several goroutines at once.
type Decoder struct {
	requirements map[string]version.Requirement
	scratch      writer // of the encoding that each line is compared with
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
	s := &scanner{data: line}
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

func subjectMember(e Event) string {
	if e.OfPublisher() {
		return "id"
	}
	return "name"
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

func decodeDigest(into *Digest, s *scanner) error {
	text, err := s.text()
	*into = Digest(text)
	return err
}

func (s *scanner) time() (time.Time, error) {
	text, err := s.text()
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(timeLayout, text)
	if err != nil || formatTime(t) != text {
		return time.Time{}, s.failf("%q is not a time of the form YYYY-MM-DDTHH:MM:SSZ", text)
	}
	return t, nil
}

func (g *Signature) decode(s *scanner) error {
	return s.members(func(name string) (err error) {
		switch name {
		case "key":
			g.Key, err = s.text()
		case "value":
			g.Value, err = s.text()
		case "bundle":
			err = decodeDigest(&g.Bundle, s)
		case "also":
			err = s.elements(func() error {
				var c Cosignature
				err := c.decode(s)
				g.Also = append(g.Also, c)
				return err
			})
		default:
			return s.failf("sig has no member %q", name)
		}
		return err
	})
}

func (c *Cosignature) decode(s *scanner) error {
	return s.members(func(name string) (err error) {
		switch name {
		case "by":
			c.By, err = s.text()
		case "key":
			c.Key, err = s.text()
		case "value":
			c.Value, err = s.text()
		case "bundle":
			err = decodeDigest(&c.Bundle, s)
		default:
			return s.failf("also has no member %q", name)
		}
		return err
	})
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

func (g *Signature) encode(w *writer) {
	w.open()
	w.text("key", g.Key)
	w.text("value", g.Value)
	w.text("bundle", string(g.Bundle))
	if len(g.Also) > 0 {
		w.name("also")
		w.buf = append(w.buf, '[')
		for i, c := range g.Also {
			if i > 0 {
				w.buf = append(w.buf, ',')
			}
			w.open()
			w.text("by", c.By)
			w.text("key", c.Key)
			w.text("value", c.Value)
			w.text("bundle", string(c.Bundle))
			w.close()
		}
		w.buf = append(w.buf, ']')
	}
	w.close()
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
	h := sha256.New()
	h.Write(l.raw[:cut])
	h.Write([]byte{'}'})
	return Digest("sha256:" + hex.EncodeToString(h.Sum(nil)))
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
	if named := l.By == ByRegistry || l.By == ByRoot; named != (l.Root != nil) {
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
	if special && (by == ByRegistry || by == ByRoot) {
		return nil
	}
	return CheckID(by)
}

func (g *Signature) check() error {
	if err := checkOneSignature(g.Key, g.Value, g.Bundle); err != nil {
		return err
	}
	if len(g.Also) > 64 {
		return errors.New("more than 64 further signatures")
	}
	for i, c := range g.Also {
		if err := checkSpeaker(c.By, true); err != nil {
			return fmt.Errorf("also: %w", err)
		}
		if err := checkOneSignature(c.Key, c.Value, c.Bundle); err != nil {
			return fmt.Errorf("also: %w", err)
		}
		if i > 0 && compareCosignatures(g.Also[i-1], c) >= 0 {
			return errors.New("also is not sorted by by, then key, without duplicates")
		}
	}
	return nil
}

func compareCosignatures(a, b Cosignature) int {
	if c := strings.Compare(a.By, b.By); c != 0 {
		return c
	}
	return strings.Compare(a.Key+string(a.Bundle), b.Key+string(b.Bundle))
}

func checkOneSignature(key, value string, bundle Digest) error {
	if bundle != "" {
		if key != "" || value != "" {
			return errors.New("a signature is a key with a value, or a bundle")
		}
		return bundle.Check()
	}
	if hint, err := decodeBase64(key); err != nil || len(hint) != sha256.Size {
		return errors.New("key is not base64 of 32 bytes")
	}
	if der, err := decodeBase64(value); err != nil || len(der) == 0 || len(der) > 128 {
		return errors.New("value is not base64 of an ECDSA signature")
	}
	return nil
}

// decodeBase64 accepts only what the encoder writes: padded, no line breaks (which the decoder would pass over), no stray
// bits at the end.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("not strict base64")
	}
	return base64.StdEncoding.Strict().DecodeString(text)
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

// maxDepth bounds the nesting of members that are passed over.
const maxDepth = 16

// skip passes over one value of any shape.
func (s *scanner) skip(depth int) error {
	if depth > maxDepth {
		return s.failf("nested deeper than %d", maxDepth)
	}
	switch c := s.peek(); {
	case c == '"':
		_, err := s.text()
		return err
	case c == '{':
		return s.members(func(string) error { return s.skip(depth + 1) })
	case c == '[':
		return s.elements(func() error { return s.skip(depth + 1) })
	case c == 't' || c == 'f':
		_, err := s.boolean()
		return err
	default:
		_, err := s.integer()
		return err
	}
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
