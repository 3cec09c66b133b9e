package index

import (
	"fmt"
	"strconv"

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
	Key  sign.PublicKey // the key that the signature names; zero for one by an identity

	bundle     Digest          // of a signature by an identity
	identities []sign.Identity // whose it may be
	log        int64           // where the line stands in the log
	leads      bool            // it is the line's own signature, of which the leaf is made, and not a further owner's
	registry   string
	value      string
	remembered Digest // the memo, where nothing but it and By is known
}

func newObligation(registry string, e Entry, s signer, c Cosignature) Obligation {
	o := Obligation{
		Line: e.Line, By: c.By, log: e.Log, registry: registry, value: c.Value, bundle: c.Bundle, identities: s.known(),
		leads: c.Value == e.Line.Sig.Value && c.Bundle == e.Line.Sig.Bundle,
	}
	if s.key != nil {
		o.Key = s.key.Public
	}
	return o
}

// Verify is VerifyWith no bundles: it refuses the signatures of identities.
func (o Obligation) Verify() error { return o.VerifyWith(Bundles{}) }

// VerifyWith checks the signature, that of an identity with the bundles. Its error has code signature-invalid and names the
// file and the line; keyless-untrusted where nothing is known of identities. Whatever kept it from looking, such as a
// program that is missing, is returned as it is.
func (o Obligation) VerifyWith(b Bundles) error {
	err := o.verify(b)
	if err == nil || fault.IsCode(err, "keyless-untrusted") {
		return err
	}
	if f := fault.Of(err); f != nil && f.Kind != fault.Integrity {
		return err
	}
	who := "key " + o.Key.Hint()
	if o.bundle != "" {
		who = "bundle " + string(o.bundle)
	}
	return fault.New(fault.Integrity, "signature-invalid", "SECURITY: a line of `%s` is not what its publisher signed", o.Line.Subject).
		WithFact("line    %s (%s %s)", o.Line.Digest(), o.Line.Event, o.Line.Version()).
		WithFact("file    %s", SubjectPath(o.Line.Event, o.Line.Subject)).
		WithFact("signer  %s, %s", o.By, who).
		WithFact("the index was altered on its host or in transit").
		Because(err)
}

func (o Obligation) verify(b Bundles) error {
	claim := o.Line.Claim(o.registry)
	if o.bundle == "" {
		return sign.Verify(o.Key, claim, o.value)
	}
	if b.Verify == nil {
		return b.unsupported()
	}
	data, err := b.read(o.bundle)
	if err != nil {
		return err
	}
	return b.Verify(b.Root, data, claim, o.identities)
}

// Leaf returns the body of the line's leaf in the log; the obligation must be the line's own.
func (o Obligation) Leaf(b Bundles) ([]byte, error) {
	claim := o.Line.Claim(o.registry)
	if o.bundle == "" {
		return sign.LeafBody(o.Key, claim.PAE(), o.value)
	}
	data, err := b.read(o.bundle)
	if err != nil {
		return nil, err
	}
	signature, err := sign.OpenCertified(data, claim)
	if err != nil {
		return nil, err
	}
	return sign.CertificateLeafBody(signature.Certificate, claim.PAE(), signature.Signature)
}

// Bundle returns the digest of the bundle of a signature by an identity, "" for one by a key.
func (o Obligation) Bundle() Digest { return o.bundle }

// memo identifies the obligation among those that were discharged before. The place in the log is part of it: a line that is
// moved, behind a revocation or before one, is to be proved there anew.
func (o Obligation) memo() Digest {
	if o.remembered != "" {
		return o.remembered
	}
	var room [2048]byte // this is done for every line of a file that is read
	b := room[:0]
	if o.bundle != "" {
		b = fmt.Appendf(b, "identity\n%d\n%s\n%s\n%q\n", o.log, o.registry, o.bundle, o.identities)
	} else {
		b = append(strconv.AppendInt(b, o.log, 10), '\n')
		b = append(append(b, o.registry...), '\n')
		b = append(append(b, o.Key.Hint()...), '\n')
		b = append(append(b, o.value...), '\n')
	}
	return DigestOf(append(b, o.Line.Bytes()...))
}
