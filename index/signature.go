package index

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

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

// Bundles returns the digests of the bundles that the line's signatures by identities are in, its own first. Of a line of a
// newer format, which nothing has checked, those that are well formed.
func (l *Line) Bundles() (digests []Digest) {
	for _, c := range append([]Cosignature{l.own()}, l.Sig.Also...) {
		if c.Bundle.Check() == nil {
			digests = append(digests, c.Bundle)
		}
	}
	return digests
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

var strictBase64 = base64.StdEncoding.Strict()

// decodeBase64 accepts only what the encoder writes: padded, no line breaks (which the decoder would pass over), no stray
// bits at the end.
func decodeBase64(text string) ([]byte, error) {
	if strings.IndexByte(text, '\n') >= 0 || strings.IndexByte(text, '\r') >= 0 {
		return nil, errors.New("not strict base64")
	}
	return strictBase64.DecodeString(text)
}
