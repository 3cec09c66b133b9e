package index

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
)

// MaxSeen is the room in the file of a [Seen], of which a file takes SightingSize and its path, in bytes.
const (
	MaxSeen      = maxSeen
	SightingSize = sha256.Size + 5*binary.MaxVarintLen64
)

// Hold and Holds are what a snapshot does once [Seen] has files, and asks before it does without; Keep and Knows, to have
// it remember a file, and to ask for one.
func (c *FoldCache) Hold(paths ...string)   { c.hold(paths) }
func (c *FoldCache) Holds(path string) bool { return c.holds(path) }
func (c *FoldCache) Keep(path string)       { c.note(path, "sum", "lists") }
func (c *FoldCache) Knows(path string) bool { _, ok := c.speakers(path); return ok }

// Fold and Unfold are the two directions of a record of a [FoldCache].
func Fold(p *Package) []byte { return appendFolded(nil, p) }

func Unfold(registry, key, record string, publishers Publishers) (*Package, bool) {
	return parseFolded(registry, key, record, new(Decoder), publishers)
}

// SeenFitting returns the paths, sorted, that fit into so many bytes of files that were seen at these times, and the others.
func SeenFitting(at map[string]int64, room int) (fitting, left []string) {
	return roomFor(sightings(at), room)
}

// Remember makes s know files that were seen at these times, besides those that it knows.
func (s *Seen) Remember(at map[string]int64) error {
	if err := s.load(); err != nil {
		return err
	}
	maps.Copy(s.known, sightings(at))
	s.changed = true
	return nil
}

func sightings(at map[string]int64) map[string]sighting {
	files := map[string]sighting{}
	for path, seconds := range at {
		files[path] = sighting{at: seconds}
	}
	return files
}
