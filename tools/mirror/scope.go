package mirror

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

// Scope is what a mirror is to hold: one of these.
type Scope struct {
	Whole bool             // all of its registry
	Locks []*manifest.Lock // what these take from it, with all that the index says of those packages
	Found bool             // what the source has, which is a part of its registry or the whole: an import
}

// releasesOf returns what locks take from the registry with an id. Two that expect different archives of one release are an
// error.
func releasesOf(id string, locks []*manifest.Lock) ([]index.Want, error) {
	var wants []index.Want
	seen := map[string]index.Digest{}
	for _, lock := range locks {
		for _, p := range lock.Packages {
			if p.Source != manifest.Registry(id) {
				continue
			}
			key, checksum := releaseKey(p.Name, p.Version), index.Digest(p.Checksum)
			known, ok := seen[key]
			if ok && known != checksum {
				return nil, fault.New(fault.Integrity, "lock-mismatch", "SECURITY: two lock files name different checksums of `%s %s`", p.Name, p.Version).
					WithFact("%s", known).WithFact("%s", checksum)
			}
			if seen[key] = checksum; !ok {
				wants = append(wants, index.Want{Name: p.Name, Version: p.Version, Checksum: checksum})
			}
		}
	}
	if len(wants) == 0 {
		return nil, fault.New(fault.Manifest, "nothing-locked", "the lock files take nothing from registry %s", id)
	}
	return wants, nil
}

func releaseKey(name string, v version.Version) string { return manifest.Key(name) + " " + v.Key() }

// maxNote bounds mirror.json, in bytes.
const maxNote = 64 << 20

// parseNote reads mirror.json; false where it is none: then what a tree is to hold is not known.
func parseNote(data []byte) (n index.CopyNote, ok bool) {
	if len(data) == 0 || len(data) > maxNote || json.Unmarshal(data, &n) != nil || n.V != 1 {
		return index.CopyNote{}, false
	}
	for _, release := range n.Releases {
		if _, ok := parseRelease(release); !ok {
			return index.CopyNote{}, false
		}
	}
	return n, true
}

func parseRelease(text string) (w index.Want, ok bool) {
	name, number, ok := strings.Cut(text, " ")
	if !ok || manifest.CheckName(name) != nil {
		return w, false
	}
	v, err := version.Parse(number)
	return index.Want{Name: name, Version: v}, err == nil
}

// joined is a note with what another of the same registry has; both have their releases in any order.
func joined(n, o index.CopyNote) index.CopyNote {
	n.Whole = n.Whole || o.Whole
	n.Releases = append(slices.Clone(n.Releases), o.Releases...)
	slices.Sort(n.Releases)
	if n.Releases = slices.Compact(n.Releases); n.Whole {
		n.Releases = nil
	}
	return n
}
