package index

import (
	"fmt"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

// Claim returns what the signatures of a line are over: the line, the file it belongs to, and the registry. It exists
// for lines of a known version.
func (l *Line) Claim(registry string) sign.Claim {
	c := sign.Claim{
		Registry:   registry,
		Path:       SubjectPath(l.Event, l.Subject),
		Event:      string(l.Event),
		Subject:    l.Subject,
		Version:    l.Version(),
		LineDigest: l.Digest().Hex(),
	}
	if p, ok := l.Body.(*Publish); ok {
		c.Archive = ArchiveName(l.Subject, c.Version)
		c.ArchiveDigest = p.Checksum.Hex()
	}
	return c
}

// Obligation is a signature that must verify before anything that rests on its line may be used. Folding settles who
// may speak for what and collects obligations; whoever offers a version discharges them.
type Obligation struct {
	Line *Line
	By   string         // the publisher whose key it is
	Key  sign.PublicKey // the key that the signature names

	log        int64 // where the line stands in the log
	leads      bool  // it is the line's own signature, of which the leaf is made, and not a further owner's
	registry   string
	value      string
	remembered Digest // the memo, where nothing but it and By is known
}

func newObligation(registry string, e Entry, by string, key sign.PublicKey, value string) Obligation {
	return Obligation{Line: e.Line, By: by, Key: key, log: e.Log, leads: value == e.Line.Sig.Value, registry: registry, value: value}
}

// Verify checks the signature. Its error has code signature-invalid and names the file and the line.
func (o Obligation) Verify() error {
	if err := sign.Verify(o.Key, o.Line.Claim(o.registry), o.value); err != nil {
		return fault.New(fault.Integrity, "signature-invalid", "SECURITY: a line of `%s` is not what its publisher signed", o.Line.Subject).
			WithFact("line    %s (%s %s)", o.Line.Digest(), o.Line.Event, o.Line.Version()).
			WithFact("file    %s", SubjectPath(o.Line.Event, o.Line.Subject)).
			WithFact("signer  %s, key %s", o.By, o.Key.Hint()).
			WithFact("the index was altered on its host or in transit").
			Because(err)
	}
	return nil
}

// memo identifies the obligation among those that were discharged before.
func (o Obligation) memo() Digest {
	if o.remembered != "" {
		return o.remembered
	}
	return DigestOf(fmt.Appendf(nil, "%s\n%s\n%s\n%s", o.registry, o.Key.Hint(), o.value, o.Line.Bytes()))
}
