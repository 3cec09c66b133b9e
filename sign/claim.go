package sign

import (
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/geeknik/gal-pkg/internal/alphabet"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// PayloadType is the DSSE payload type of every statement.
const PayloadType = "application/vnd.in-toto+json"

// Events of lines, as [Claim.Event] has them. The second group stands in publishers' files.
const (
	Publish   = "publish"
	Yank      = "yank"
	Unyank    = "unyank"
	Deprecate = "deprecate"
	Owners    = "owners"
	Tombstone = "tombstone"
	Recover   = "recover"

	Register       = "register"
	AddKey         = "add-key"
	RevokeKey      = "revoke-key"
	AddIdentity    = "add-identity"
	RemoveIdentity = "remove-identity"
)

// Claim is what one signature says: in this registry, this file has this line, and the line speaks of this. All fields
// come from the line, its path, and the registry's pinned id. The package comment has the bytes that it stands for.
type Claim struct {
	Registry string // id of the registry as pinned
	Path     string // of the file within the registry: index/... or publishers/...
	Event    string // one of the constants above
	Subject  string // name of the package, or id of the publisher
	Version  string // of publish, yank and unyank; else ""

	Archive       string // of publish: file name `<key>-<version>.tar.zst`; else ""
	ArchiveDigest string // of publish: sha256 of the archive, 64 lower-case hex digits; else ""
	LineDigest    string // sha256 of the line without its signature, 64 lower-case hex digits
}

// The alphabets hold nothing that JSON escapes, so that the template needs no encoder.
const (
	nameLetters    = alphabet.Lower + alphabet.Digits + "_-"
	versionLetters = alphabet.Lower + alphabet.Upper + alphabet.Digits + ".-"
)

func isRegistry(id string) bool {
	return alphabet.Is(id, 3, 64, alphabet.Lower+alphabet.Digits, alphabet.Lower+alphabet.Digits+".-")
}

func isID(id string) bool { return alphabet.Is(id, 1, 64, alphabet.Lower, nameLetters) }

// isName reports whether name is `name` or `scope/name`.
func isName(name string) bool {
	scope, rest, scoped := strings.Cut(name, "/")
	return isID(scope) && (!scoped || isID(rest))
}

// isPath reports whether path is one to three folders and a file below index/ or publishers/.
func isPath(path string) bool {
	parts := strings.Split(path, "/")
	if len(parts) < 3 || len(parts) > 5 || parts[0] != "index" && parts[0] != "publishers" {
		return false
	}
	for _, part := range parts[1:] {
		if !alphabet.Is(part, 1, 96, nameLetters+"~", nameLetters+"~") {
			return false
		}
	}
	return true
}

const maxNameLength = 96

// Check says what in c cannot be signed: a character outside the alphabets, an unknown event, a field that the event does
// not have or lacks, an archive or path that belongs to another subject. Sign and Verify call it first.
//
// Errors: fault.Integrity "statement-invalid".
func (c Claim) Check() error {
	if !isRegistry(c.Registry) {
		return badClaim("registry id %q", c.Registry)
	}
	if !isDigest(c.LineDigest) {
		return badClaim("line digest %q", c.LineDigest)
	}
	var err error
	switch c.Event {
	case Publish, Yank, Unyank, Deprecate, Owners, Tombstone, Recover:
		err = c.checkSubject("index/", isName)
	case Register, AddKey, RevokeKey, AddIdentity, RemoveIdentity:
		err = c.checkSubject("publishers/", isID)
	default:
		err = badClaim("event %q is unknown", c.Event)
	}
	if err != nil {
		return err
	}
	return c.checkVersion()
}

func (c Claim) checkSubject(folder string, is func(string) bool) error {
	if !is(c.Subject) || len(c.Subject) > maxNameLength {
		return badClaim("subject %q of event %s", c.Subject, c.Event)
	}
	if !isPath(c.Path) || !strings.HasPrefix(c.Path, folder) {
		return badClaim("path %q of event %s", c.Path, c.Event)
	}
	if foldKey(path.Base(c.Path)) != foldKey(c.Subject) {
		return badClaim("path %q is not the file of %q", c.Path, c.Subject)
	}
	return nil
}

func (c Claim) checkVersion() error {
	switch c.Event {
	case Publish, Yank, Unyank:
		if !alphabet.Is(c.Version, 1, 64, alphabet.Digits, versionLetters) {
			return badClaim("version %q", c.Version)
		}
	default:
		if c.Version != "" {
			return badClaim("event %s has no version, but there is %q", c.Event, c.Version)
		}
	}
	if c.Event != Publish {
		if c.Archive != "" || c.ArchiveDigest != "" {
			return badClaim("event %s has no archive, but there is %q", c.Event, c.Archive)
		}
		return nil
	}
	if want := foldKey(c.Subject) + "-" + c.Version + ".tar.zst"; c.Archive != want {
		return badClaim("archive %q is not %q", c.Archive, want)
	}
	if !isDigest(c.ArchiveDigest) {
		return badClaim("archive digest %q", c.ArchiveDigest)
	}
	return nil
}

// foldKey makes the path key of a name: the name's hyphens for underscores, `~` for its slash.
func foldKey(name string) string { return strings.NewReplacer("_", "-", "/", "~").Replace(name) }

func isDigest(text string) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && len(raw) == 32 && strings.ToLower(text) == text
}

func badClaim(reason string, args ...any) error {
	return fault.New(fault.Integrity, "statement-invalid", "the statement cannot be signed").WithFact(reason, args...)
}

// Payload returns the in-toto statement of c, by the template of the package comment. It means something only where Check
// returns nil.
func (c Claim) Payload() []byte {
	var b strings.Builder
	b.WriteString(`{"_type":"https://in-toto.io/Statement/v1","subject":[`)
	if c.Event == Publish {
		fmt.Fprintf(&b, `{"name":"%s","digest":{"sha256":"%s"}},`, c.Archive, c.ArchiveDigest)
	}
	fmt.Fprintf(&b, `{"name":"line","digest":{"sha256":"%s"}}],`, c.LineDigest)
	fmt.Fprintf(&b, `"predicateType":"%s",`, c.PredicateType())
	fmt.Fprintf(&b, `"predicate":{"registry":"%s","path":"%s",`, c.Registry, c.Path)
	member := "name"
	if strings.HasPrefix(c.Path, "publishers/") {
		member = "id"
	}
	fmt.Fprintf(&b, `"%s":"%s"`, member, c.Subject)
	if c.Version != "" {
		fmt.Fprintf(&b, `,"version":"%s"`, c.Version)
	}
	b.WriteString(`}}`)
	return []byte(b.String())
}

// PredicateType returns the type that names c's event; cosign takes it as --type.
func (c Claim) PredicateType() string { return "https://gal-lang.org/attestation/" + c.Event + "/v1" }

// PAE returns the bytes that are signed: DSSE's pre-authentication encoding of the payload.
func (c Claim) PAE() []byte { return encodePAE(PayloadType, c.Payload()) }

// encodePAE is PAE of https://github.com/secure-systems-lab/dsse/blob/master/protocol.md. The lengths make it injective.
func encodePAE(payloadType string, payload []byte) []byte {
	b := []byte("DSSEv1 " + strconv.Itoa(len(payloadType)) + " " + payloadType + " " + strconv.Itoa(len(payload)) + " ")
	return append(b, payload...)
}
