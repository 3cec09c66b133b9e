package index

import (
	"crypto/sha256"
	"io"
	"os"
	"strings"
)

// What a client remembers lies in sealed files: a header that names the format and its version, the sha256 of the rest,
// and the rest. A file that is damaged, cut short or of another version is as good as none. The digest finds accidents
// and not enemies: who can write there can make this program trust.

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

// readSealed reads the rest of a sealed file of at most limit bytes, into the only copy that is ever made of it.
func readSealed(path, header string, limit int64) (string, bool) {
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	info, err := f.Stat()
	head := make([]byte, len(header)+sha256.Size)
	if err != nil || info.Size() > limit || info.Size() < int64(len(head)) {
		return "", false
	}
	if _, err := io.ReadFull(f, head); err != nil || string(head[:len(header)]) != header {
		return "", false
	}
	var text strings.Builder
	text.Grow(int(info.Size()) - len(head))
	sum := sha256.New()
	if _, err := io.CopyBuffer(io.MultiWriter(&text, sum), io.LimitReader(f, info.Size()-int64(len(head))), make([]byte, 1<<17)); err != nil {
		return "", false
	}
	return text.String(), string(sum.Sum(nil)) == string(head[len(header):])
}
