package index

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Digest is "sha256:" and 64 lower-case hexadecimal digits.
type Digest string

// DigestOf returns the digest of data.
func DigestOf(data []byte) Digest {
	return newDigest(sha256.Sum256(data))
}

func newDigest(sum [sha256.Size]byte) Digest {
	const prefix = "sha256:"
	var text [len(prefix) + 2*sha256.Size]byte
	copy(text[:], prefix)
	hex.Encode(text[len(prefix):], sum[:])
	return Digest(text[:])
}

// Hex returns the digits alone.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), "sha256:") }

// Check reports whether d is well formed.
func (d Digest) Check() error {
	digits, ok := strings.CutPrefix(string(d), "sha256:")
	if !ok || len(digits) != 64 || !isHex(digits) {
		return fmt.Errorf("%q is not sha256: and 64 hexadecimal digits", string(d))
	}
	return nil
}

func isHex(digits string) bool {
	for i := range len(digits) {
		if c := digits[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func decodeDigest(into *Digest, s *scanner) error {
	text, err := s.text()
	*into = Digest(text)
	return err
}
