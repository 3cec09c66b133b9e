package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sort"
	"sync"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
)

// FileMemory remembers verified signatures in a sealed file of sorted 32-byte digests. Of a file that is not good,
// what it would have remembered is verified again.
//
// Whoever can write the file can make this program trust; it lies where only its user can write, beside the keys of
// registries that have been seen.
type FileMemory struct {
	path string

	mu    sync.RWMutex
	kept  string // the digests of the file, end to end
	fresh map[[sha256.Size]byte]struct{}
}

const memoryHeader = "gal verified lines 2\n"

// maxMemory is where a memory begins anew, in digests: about 32 MiB.
const maxMemory = 1 << 20

// OpenMemory reads the memory at path; a file that is not there, or is not good, is an empty memory.
func OpenMemory(path string) *FileMemory {
	m := &FileMemory{path: path, fresh: map[[sha256.Size]byte]struct{}{}}
	if text, err := readSealed(path, memoryHeader, (maxMemory+2)*sha256.Size); err == nil && len(text)%sha256.Size == 0 {
		m.kept = text
	}
	return m
}

// Has reports whether a digest is remembered.
func (m *FileMemory) Has(d Digest) bool {
	key, ok := rawDigest(d)
	m.mu.RLock()
	defer m.mu.RUnlock()
	return ok && m.has(key)
}

func (m *FileMemory) has(key [sha256.Size]byte) bool {
	if _, found := m.fresh[key]; found {
		return true
	}
	n := len(m.kept) / sha256.Size
	i := sort.Search(n, func(i int) bool { return m.kept[i*sha256.Size:][:sha256.Size] >= string(key[:]) })
	return i < n && m.kept[i*sha256.Size:][:sha256.Size] == string(key[:])
}

// Add remembers a digest; [FileMemory.Save] makes it last.
func (m *FileMemory) Add(d Digest) {
	key, ok := rawDigest(d)
	m.mu.Lock()
	defer m.mu.Unlock()
	if ok && !m.has(key) {
		m.fresh[key] = struct{}{}
	}
}

func rawDigest(d Digest) (key [sha256.Size]byte, ok bool) {
	text := d.Hex()
	if len(text) != hex.EncodedLen(len(key)) {
		return key, false
	}
	_, err := hex.Decode(key[:], []byte(text))
	return key, err == nil
}

// Save writes the memory where something was added. Of two processes that save at once one wins; the other's digests
// are verified again next time.
func (m *FileMemory) Save() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.fresh) == 0 {
		return nil
	}
	var digests [][sha256.Size]byte
	for d := range m.fresh {
		digests = append(digests, d)
	}
	for at := 0; at < len(m.kept) && len(m.kept)/sha256.Size+len(m.fresh) <= maxMemory; at += sha256.Size {
		digests = append(digests, [sha256.Size]byte([]byte(m.kept[at:at+sha256.Size])))
	}
	slices.SortFunc(digests, func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) })
	buf := sealedBuffer(memoryHeader, len(digests)*sha256.Size)
	for _, d := range digests[:min(len(digests), maxMemory)] {
		buf = append(buf, d[:]...)
	}
	if err := atomicfile.Write(m.path, seal(buf, memoryHeader), 0o600); err != nil {
		return err
	}
	m.kept = string(buf[len(memoryHeader)+sha256.Size:])
	clear(m.fresh)
	return nil
}
