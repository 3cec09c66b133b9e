package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"slices"
	"sync"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
)

// FileMemory remembers verified signatures in a file: a header, the sorted 32-byte digests, and the sha256 of all that.
// A file that is damaged, or of another version, is as good as none: what it would have remembered is verified again.
//
// Whoever can write the file can make this program trust; it lies where only its user can write, beside the keys of
// registries that have been seen.
type FileMemory struct {
	path string

	mu    sync.Mutex
	known map[[sha256.Size]byte]struct{}
	fresh int
}

const memoryHeader = "gal verified lines 1\n"

// maxMemory is where a memory begins anew, in digests: about 32 MiB.
const maxMemory = 1 << 20

// OpenMemory reads the memory at path; a file that is not there is an empty memory.
func OpenMemory(path string) (*FileMemory, error) {
	m := &FileMemory{path: path, known: map[[sha256.Size]byte]struct{}{}}
	data, err := atomicfile.Read(path, int64(len(memoryHeader)+(maxMemory+1)*sha256.Size))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	body, ok := bytes.CutPrefix(data, []byte(memoryHeader))
	if !ok || len(body) < sha256.Size || len(body)%sha256.Size != 0 {
		return m, nil
	}
	sum := sha256.Sum256(data[:len(data)-sha256.Size])
	if !bytes.Equal(sum[:], data[len(data)-sha256.Size:]) {
		return m, nil
	}
	for digest := range slices.Chunk(body[:len(body)-sha256.Size], sha256.Size) {
		m.known[[sha256.Size]byte(digest)] = struct{}{}
	}
	return m, nil
}

// Has reports whether a digest is remembered.
func (m *FileMemory) Has(d Digest) bool {
	key, ok := rawDigest(d)
	m.mu.Lock()
	defer m.mu.Unlock()
	_, known := m.known[key]
	return ok && known
}

// Add remembers a digest; [FileMemory.Save] makes it last.
func (m *FileMemory) Add(d Digest) {
	key, ok := rawDigest(d)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.known[key]; !known {
		m.known[key] = struct{}{}
		m.fresh++
	}
}

func rawDigest(d Digest) (key [sha256.Size]byte, ok bool) {
	n, err := hex.Decode(key[:], []byte(d.Hex()))
	return key, err == nil && n == len(key)
}

// Save writes the memory where something was added. Of two processes that save at once one wins; the other's digests
// are verified again next time.
func (m *FileMemory) Save() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fresh == 0 {
		return nil
	}
	if len(m.known) > maxMemory {
		m.known = map[[sha256.Size]byte]struct{}{}
	}
	digests := make([][sha256.Size]byte, 0, len(m.known))
	for d := range m.known {
		digests = append(digests, d)
	}
	slices.SortFunc(digests, func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) })
	data := append(make([]byte, 0, len(memoryHeader)+(len(digests)+1)*sha256.Size), memoryHeader...)
	for _, d := range digests {
		data = append(data, d[:]...)
	}
	sum := sha256.Sum256(data)
	if err := atomicfile.Write(m.path, append(data, sum[:]...), 0o600); err != nil {
		return err
	}
	m.fresh = 0
	return nil
}
