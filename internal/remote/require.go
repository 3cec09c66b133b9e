package remote

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// RequireSignatures has every registry read as if its verify_signatures were true, from now on; by says who asks for that.
// There is no way back: what a user or a project requires, nobody loosens.
func (s *Set) RequireSignatures(by string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.required != "" {
		return
	}
	s.required = by
	for name, r := range s.open {
		if !r.Verifies() {
			s.retired = append(s.retired, r) // somebody may be reading from it
			delete(s.open, name)
		}
	}
	clear(s.byID)
}

func (s *Set) requiredBy() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.required
}

// tightened is a configured registry as it is read.
func (s *Set) tightened(spec Spec) Spec {
	if s.required != "" {
		spec.Trust.Signatures = index.SignaturesRequired
	}
	return spec
}

// explainRequired says why a registry is held to more than registries.toml asks.
func (s *Set) explainRequired(spec Spec, err error) error {
	f := fault.Of(err)
	if f == nil || f.Kind != fault.Integrity || spec.Trust.Signatures == s.tightened(spec).Trust.Signatures {
		return err
	}
	why := *f
	why.Facts, why.Help = slices.Clone(f.Facts), nil // the help says how to ask for less
	return why.WithFact("required by %s; registries.toml asks for less", s.required)
}

// Proved reports whether something that can be verified of the registry's lines and archives has been.
func (r *Registry) Proved(proof index.Digest) bool { return r.Verifies() && r.verified.Has(proof) }

// Prove remembers that something was verified, where the lines that it is about are signed and cannot change.
func (r *Registry) Prove(proof index.Digest) {
	if r.Verifies() {
		r.verified.Add(proof)
	}
}

// TrustDigest stands for how far every configured registry is trusted: what was installed under another one is looked at again.
func (s *Set) TrustDigest() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s.o.Specs)) {
		r := s.o.Specs[name]
		fmt.Fprintf(h, "%q %q %q %q %q %q %q\n", name, r.URL, r.ID, r.Root, r.Trust.Signatures, r.Trust.Keys, r.Trust.Publishers)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
