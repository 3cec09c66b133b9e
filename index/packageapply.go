package index

import (
	"slices"

	"github.com/geeknik/gal-pkg/version"
)

// Apply folds one more entry. It checks everything but the signatures themselves, which it returns, the line's own first;
// an error is an [*Ineffective] and leaves p as it was.
func (p *Package) Apply(e Entry, publishers Publishers) ([]Obligation, error) {
	if err := p.checkPlace(e); err != nil {
		return nil, err
	}
	by, obligations, err := p.authorize(e, publishers)
	if err != nil {
		return nil, err
	}
	if e.Line.V != LineVersion {
		return nil, p.applyUnknown(e)
	}
	if err := p.apply(e, by, publishers, obligations); err != nil {
		return nil, err
	}
	return obligations, nil
}

// checkPlace holds that the line belongs into this file at this place and time.
func (p *Package) checkPlace(e Entry) error {
	l := e.Line
	switch {
	case p.closed:
		return dead(DeadClosed, "the package is closed by a line of a newer format; update gal-pkg")
	case !samePath(l.Subject, p.key) || p.Exists() && l.Subject != p.Name:
		return dead(DeadSubject, "the line is about %q", l.Subject)
	case p.Tombstone != nil && l.Event != EventRecover:
		return dead(DeadClosed, "the package was closed at %s", formatTime(p.Tombstone.At))
	case !p.Exists() && l.Event != EventPublish:
		return dead(DeadMissing, "package %s has not been published", l.Subject)
	}
	if err := p.checkVersionThere(l); err != nil {
		return err
	}
	if after := p.after(l); l.After != after {
		return dead(DeadReplayed, "it builds on %s, the last such line is %s", orNone(l.After), orNone(after))
	}
	return checkUntil(e)
}

// checkVersionThere holds for yank and unyank that their version is there, for publish that it is not.
func (p *Package) checkVersionThere(l *Line) error {
	text := l.Version()
	if text == "" {
		return nil
	}
	v, err := version.Parse(text)
	if err != nil {
		return dead(DeadMissing, "%v", err)
	}
	there := p.Release(v) != nil
	switch {
	case l.Event == EventPublish && there:
		return dead(DeadTaken, "version %s is published already, and versions are immutable", v)
	case l.Event != EventPublish && !there:
		return dead(DeadMissing, "version %s has not been published", v)
	}
	return nil
}

func (p *Package) after(l *Line) Digest {
	var v version.Version
	if text := l.Version(); text != "" {
		v, _ = version.Parse(text)
	}
	return p.After(l.Event, v, l.By)
}

// authorize finds who signed, holds their publisher against the owners at this place, and returns the signatures of the
// line, its own first.
func (p *Package) authorize(e Entry, publishers Publishers) (signer, []Obligation, error) {
	l := e.Line
	if official(l.By) {
		obligations, err := p.authorizeOfficial(e)
		return signer{}, obligations, err
	}
	s, err := liveSigner(publishers(l.By), l.own(), e.Log)
	if err != nil {
		return s, nil, err
	}
	if p.Exists() && !slices.Contains(p.Owners, l.By) {
		return s, nil, dead(DeadNotOwner, "%s does not own %s", l.By, p.Name)
	}
	if p.Exists() && (l.Event == EventOwners || l.Event == EventTombstone) {
		err = p.checkThreshold(e, publishers)
	}
	return s, p.obligationsOf(e, s, publishers), err
}

// authorizeOfficial is authorize for @root and @registry. What a line of a newer format says cannot be told from here, nor
// under which root; it closes the package, and takes no version.
func (p *Package) authorizeOfficial(e Entry) ([]Obligation, error) {
	if e.Line.V != LineVersion && e.Line.Event != EventPublish {
		return nil, nil
	}
	return p.roots.obligations(p.registry, e)
}

// checkThreshold counts the owners that signed, each once, each with what was live.
func (p *Package) checkThreshold(e Entry, publishers Publishers) error {
	signed := map[string]bool{e.Line.By: true}
	for _, c := range e.Line.Sig.Also {
		if !slices.Contains(p.Owners, c.By) {
			continue
		}
		if _, err := liveSigner(publishers(c.By), c, e.Log); err != nil {
			return err
		}
		signed[c.By] = true
	}
	if int64(len(signed)) < p.Threshold {
		return dead(DeadThreshold, "%d of the owners signed, %d are needed", len(signed), p.Threshold)
	}
	return nil
}

// applyUnknown folds a line of a newer format: a publish takes its version, anything else closes the package.
func (p *Package) applyUnknown(e Entry) error {
	if e.Line.Event != EventPublish {
		p.closed = true
		return nil
	}
	v, err := version.Parse(e.Line.Version())
	if err != nil {
		return dead(DeadMissing, "%v", err)
	}
	p.begin(e)
	p.add(&Release{Version: v, By: e.Line.By, At: e.At, Log: e.Log, owners: side{head: e.Line.Digest()}, operator: side{head: e.Line.Digest()}})
	return nil
}

// begin makes the first publish the genesis: its signer becomes the owner.
func (p *Package) begin(e Entry) {
	if p.Exists() {
		return
	}
	digest := e.Line.Digest()
	p.Name, p.genesis = e.Line.Subject, digest
	p.ownersHead, p.recoverHead, p.deprecateHead = digest, digest, digest
	p.Owners, p.Threshold, p.cleanOwners = []string{e.Line.By}, 1, []string{e.Line.By}
}

func (p *Package) apply(e Entry, by signer, publishers Publishers, obligations []Obligation) error {
	l := e.Line
	suspect := by.suspect(e.Log) || p.Exists() && !official(l.By) && !slices.Contains(p.cleanOwners, l.By)
	digest := l.Digest()
	switch b := l.Body.(type) {
	case *Publish:
		first := !p.Exists()
		p.begin(e)
		if first {
			p.control = obligations
		}
		p.add(&Release{
			Version: b.Version, Publish: b, By: l.By, At: e.At, Log: e.Log, Suspect: suspect, digest: digest, signer: by.key,
			owners: side{head: digest}, operator: side{head: digest}, obligations: obligations,
		})
	case *Yank:
		p.applyYank(b.Version, l.By, digest, b, suspect, obligations)
	case *Unyank:
		p.applyYank(b.Version, l.By, digest, nil, suspect, obligations)
	case *Deprecate:
		p.deprecateHead = digest
		if !suspect {
			p.Deprecated = b
			if b.Message == "" && b.Replacement == "" {
				p.Deprecated = nil
			}
		}
	case *Owners:
		if err := checkRegistered(b.Owners, e.Log, publishers); err != nil {
			return err
		}
		p.applyOwners(b.Owners, b.Threshold, digest, suspect, obligations)
	case *Recover:
		return p.applyRecover(e, b, digest, publishers, obligations)
	case *Tombstone:
		p.control = append(p.control, obligations...)
		if !suspect {
			p.Tombstone = &e
		}
	default:
		return dead(DeadSubject, "a %s line does not belong in a package's file", l.Event)
	}
	return nil
}

func (p *Package) applyYank(v version.Version, by string, digest Digest, yank *Yank, suspect bool, obligations []Obligation) {
	r := p.Release(v)
	s := r.side(by)
	s.head = digest
	if !suspect {
		s.yank = yank
	}
	r.obligations = append(r.obligations, obligations...)
}

func (p *Package) applyOwners(owners []string, threshold int64, digest Digest, suspect bool, obligations []Obligation) {
	p.Owners, p.Threshold, p.ownersHead = owners, threshold, digest
	p.control = append(p.control, obligations...)
	if !suspect {
		p.cleanOwners = owners
	}
}

// applyRecover gives the package to others, and opens it where it was closed.
func (p *Package) applyRecover(e Entry, r *Recover, digest Digest, publishers Publishers, obligations []Obligation) error {
	if e.Line.By != ByRoot {
		return dead(DeadNotOwner, "%s cannot recover a package; @root can", e.Line.By)
	}
	if err := checkRegistered(r.Owners, e.Log, publishers); err != nil {
		return err
	}
	p.applyOwners(r.Owners, r.Threshold, digest, false, obligations)
	p.recoverHead, p.Tombstone = digest, nil
	return nil
}

// checkRegistered holds that every new owner is a publisher that was there before.
func checkRegistered(owners []string, log int64, publishers Publishers) error {
	for _, id := range owners {
		if p := publishers(id); !p.Exists() || p.Registered >= log {
			return dead(DeadMissing, "publisher %s is not registered", id)
		}
	}
	return nil
}
