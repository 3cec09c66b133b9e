package publish

import (
	"path/filepath"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

// BundleName is what the bundle of a signature by an identity is called beside a proposal file.
func BundleName(d index.Digest) string { return d.Hex() + ".bundle.json" }

// Bundles reads the bundles of the signatures by identities, from the folder that a proposal file is in. They have the
// digests that the lines name; whether they verify is the gate's matter.
//
// Errors: fault.NotFound "bundle-missing", fault.Integrity "checksum-mismatch".
func (f *File) Bundles(dir string) (map[index.Digest][]byte, error) {
	bundles := map[index.Digest][]byte{}
	var wanted []index.Digest
	for _, l := range f.Lines {
		wanted = append(wanted, l.Bundles()...)
	}
	for _, want := range wanted {
		path := filepath.Join(dir, BundleName(want))
		data, err := atomicfile.Read(path, sign.MaxBundle)
		if err != nil {
			return nil, fault.New(fault.NotFound, "bundle-missing", "the bundle of a signature is not beside the proposal").
				WithFact("expected %s", path).Because(err)
		}
		if got := index.DigestOf(data); got != want {
			return nil, fault.New(fault.Integrity, "checksum-mismatch", "the bundle beside the proposal is not the one that was signed").
				WithFact("expected %s", want).WithFact("actual   %s  (%s)", got, path)
		}
		bundles[want] = data
	}
	return bundles, nil
}
