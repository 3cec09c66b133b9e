package index

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// SearchSums is a file with one line for each file of the catalogue that exists, sorted by path: "LENGTH SHA256 PATH". The
// metadata vouches for it, and it for the catalogue: so a client fetches only what has changed.
const SearchSums = SearchDir + "sums"

// maxSums bounds SearchSums, in bytes.
const maxSums = 64 << 10

// FormatSearchSums writes [SearchSums]; files has what each file of the catalogue is.
func FormatSearchSums(files map[string]listing.File) []byte {
	var b bytes.Buffer
	for _, path := range SearchPaths() {
		if f, ok := files[path]; ok {
			fmt.Fprintf(&b, "%d %x %s\n", f.Length, f.SHA256, path)
		}
	}
	return b.Bytes()
}

// ParseSearchSums reads [SearchSums], and accepts only what FormatSearchSums writes.
func ParseSearchSums(data []byte) (map[string]listing.File, error) {
	files := map[string]listing.File{}
	for line := range strings.Lines(string(data[:min(len(data), maxSums)])) {
		var f listing.File
		var digest []byte
		var path string
		if _, err := fmt.Sscanf(line, "%d %x %s\n", &f.Length, &digest, &path); err != nil || len(digest) != sha256.Size || f.Length < 0 || f.Length > MaxFile {
			break
		}
		f.SHA256 = [sha256.Size]byte(digest)
		files[path] = f
	}
	if !bytes.Equal(FormatSearchSums(files), data) {
		return nil, fault.New(fault.Integrity, "index-malformed", "SECURITY: the index holds a list that no registry writes").WithFact("file %s", SearchSums)
	}
	return files, nil
}

// withCatalogue calls use with the whole catalogue. What is kept of it is read again only where the registry has changed
// since.
func (s *Snapshot) withCatalogue(ctx context.Context, use func(*compact) error) error {
	kept := openCompact(s.state.Catalogue)
	defer func() { kept.close() }()
	var lists [sha256.Size]byte
	if s.vouched != nil {
		lists = s.vouched.top.SHA256
	}
	if lists != [sha256.Size]byte{} && kept.lists == lists {
		if err := use(kept); !errors.Is(err, errDamaged) {
			return err
		}
		kept.close()
		kept = &compact{}
	}
	fresh, file, err := s.renew(ctx, kept, lists)
	if errors.Is(err, errDamaged) {
		fresh, file, err = s.renew(ctx, &compact{}, lists)
	}
	if err != nil {
		return err
	}
	kept.close()                             // before another file takes its place
	_ = keepCompact(s.state.Catalogue, file) // in a home that is read-only, the next search takes as long
	fresh.from = bytes.NewReader(file)
	return use(fresh)
}

// renew makes the catalogue anew, of what an older one has and what has changed since.
func (s *Snapshot) renew(ctx context.Context, old *compact, lists [sha256.Size]byte) (*compact, []byte, error) {
	files, sums, err := s.catalogueFiles(ctx, old)
	if err != nil {
		return nil, nil, err
	}
	var all [catalogueFiles]contents
	group, paths := errgroup.Group{}, SearchPaths()
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, path := range paths {
		group.Go(func() (err error) {
			all[i].sum = sums[path]
			if data, ok := files[path]; ok {
				all[i].texts, all[i].rows, err = packRows(path, data)
			} else if all[i].sum != [sha256.Size]byte{} {
				all[i].texts, all[i].rows, err = old.content(i)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	fresh, file := newCompact(lists, &all)
	return fresh, file, nil
}

// packRows reads a file of the catalogue and packs its rows.
func packRows(path string, data []byte) (texts, rows []byte, err error) {
	list, err := ParseSearchRows(path, data)
	if err != nil {
		return nil, nil, malformed(err)
	}
	texts, rows = packed(list, len(data))
	return texts, rows, nil
}

type searchSums map[string][sha256.Size]byte

// catalogueFiles reads the files of the catalogue, without those that are as they were, and tells the sums of all.
func (s *Snapshot) catalogueFiles(ctx context.Context, old *compact) (map[string][]byte, searchSums, error) {
	if s.vouched != nil {
		return s.changedCatalogue(ctx, old)
	}
	files, err := s.transport.Fetch(ctx, SearchPaths())
	sums := searchSums{}
	for path, data := range files {
		sums[path] = sha256.Sum256(data)
	}
	return files, sums, err
}

func (s *Snapshot) changedCatalogue(ctx context.Context, old *compact) (map[string][]byte, searchSums, error) {
	if _, ok := s.vouched.client.Target(SearchSums); !ok {
		return nil, nil, nil // a registry that has published nothing has no catalogue
	}
	list, err := s.transport.Fetch(ctx, []string{SearchSums})
	if err != nil {
		return nil, nil, err
	}
	known, err := ParseSearchSums(list[SearchSums])
	if err != nil {
		return nil, nil, err
	}
	sums := searchSums{}
	var changed []Expected
	for i, path := range SearchPaths() {
		f, ok := known[path]
		if !ok {
			continue
		}
		if sums[path] = f.SHA256; f.SHA256 != old.parts[i].sum {
			changed = append(changed, Expected{path, f})
		}
	}
	files, err := s.vouched.expect(ctx, changed)
	return files, sums, err
}
