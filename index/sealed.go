package index

import (
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"strings"
)

// What a client remembers lies in sealed files: a header that names the format and its version, the sha256 of the rest,
// and the rest. The digest finds accidents and not enemies: who can write there can make this program trust.

// errUnsealed is the error for a file that is damaged, cut short, too long or of another version.
var errUnsealed = errors.New("the file is damaged or of another version")

// sealedBuffer returns a buffer for a sealed file, to which the rest is to be appended before it is sealed.
func sealedBuffer(header string, capacity int) []byte {
	return make([]byte, len(header)+sha256.Size, len(header)+sha256.Size+capacity)
}

// seal puts the header and the digest in their places.
func seal(buf []byte, header string) []byte {
	sum := sha256.Sum256(buf[len(header)+sha256.Size:])
	copy(buf, header)
	copy(buf[len(header):], sum[:])
	return buf
}

// readSealed reads the rest of a sealed file of at most limit bytes, into the only copy that is ever made of it. The error
// is errUnsealed, or that of opening or reading.
func readSealed(path, header string, limit int64) (string, error) {
	text, _, err := readSealedSum(path, header, limit)
	return text, err
}

// sealedSum is the digest that a sealed file bears, without looking whether it is right; "" for a file that has none.
func sealedSum(path, header string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, len(header)+sha256.Size)
	if _, err := io.ReadFull(f, head); err != nil || string(head[:len(header)]) != header {
		return ""
	}
	return string(head[len(header):])
}

// readSealedSum is readSealed with the digest that the file bears.
func readSealedSum(path, header string, limit int64) (text, digest string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", "", err
	}
	rest := info.Size() - int64(len(header)) - sha256.Size
	if info.Size() > limit || rest < 0 {
		return "", "", errUnsealed
	}
	head := make([]byte, len(header)+sha256.Size)
	if _, err := io.ReadFull(f, head); err != nil {
		return "", "", err
	}
	if string(head[:len(header)]) != header {
		return "", "", errUnsealed
	}
	var whole strings.Builder
	whole.Grow(int(rest))
	sum := sha256.New()
	if _, err := io.CopyBuffer(io.MultiWriter(&whole, sum), io.LimitReader(f, rest), make([]byte, min(rest+1, 1<<17))); err != nil {
		return "", "", err
	}
	if string(sum.Sum(nil)) != string(head[len(header):]) {
		return "", "", errUnsealed
	}
	return whole.String(), string(head[len(header):]), nil
}
