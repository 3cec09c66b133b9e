package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/fetch/download"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/version"
)

// fetchBatch is how many archives are on their way between the cache and their places; maxBundle bounds an archive's
// .sigstore.json, in bytes.
const (
	fetchBatch = 256
	maxBundle  = 64 << 10
)

// archive is one that the mirror holds or is to hold.
type archive struct {
	Name     string
	Version  version.Version
	Path     string
	Checksum index.Digest
	Size     int64
	publish  *index.Publish
}

func archiveOf(a index.Artifact) archive {
	p := a.Publish()
	return archive{a.Name(), a.Version(), index.ArchivePath(a.Name(), a.Version().String()), p.Checksum, p.Size, p}
}

// fetchArchives brings the archives that the mirror does not have, each into its place.
func (r *run) fetchArchives(ctx context.Context) error {
	r.report.Archives = len(r.archives)
	var missing []archive
	for _, a := range r.archives {
		r.from.need(a.Path, true, false)
		if r.tree.read(a.Path+sign.BundleSuffix) != nil {
			r.from.need(a.Path+sign.BundleSuffix, true, false)
		}
		if !r.hasArchive(a) {
			missing = append(missing, a)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	store, err := cache.NewCache(r.tree.state("cache"), fetch.Events{})
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(missing, fetchBatch) {
		if err := r.fetchBatch(ctx, store, batch); err != nil {
			return err
		}
	}
	return nil
}

// hasArchive reports whether the mirror has an archive. It is hashed when it is seen for the first time, and when its file
// is another than the one that was hashed.
func (r *run) hasArchive(a archive) bool {
	f, err := r.tree.root.Open(filepath.FromSlash(a.Path))
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || a.Size > 0 && info.Size() != a.Size {
		return false
	}
	memo := index.DigestOf(fmt.Appendf(nil, "archive\n%s\n%s\n%d %d", a.Path, a.Checksum, info.Size(), info.ModTime().UnixNano()))
	if r.verified.Has(memo) {
		return true
	}
	if got, err := hashOf(f); err != nil || got != a.Checksum {
		return false
	}
	r.verified.Add(memo)
	return true
}

func hashOf(from io.Reader) (index.Digest, error) {
	h := sha256.New()
	_, err := io.Copy(h, from)
	return index.Digest("sha256:" + hex.EncodeToString(h.Sum(nil))), err
}

func (r *run) fetchBatch(ctx context.Context, store *cache.Cache, batch []archive) error {
	items := make([]fetch.Item, len(batch))
	for i, a := range batch {
		items[i] = fetch.Item{Name: a.Name, Version: a.Version, Key: manifest.Key(a.Name), Digest: string(a.Checksum), Size: a.Size, URLs: r.urls(a)}
	}
	results, err := download.Fetch(ctx, items, download.Options{
		Client: r.source.Client, Offline: r.source.Client == nil, Cache: store, ArchivesOnly: true, Events: fetch.Events{Warned: func(what string) { r.o.Say("warning: %s", what) }},
	})
	if err != nil {
		return err
	}
	for i, result := range results {
		if err := r.placeArchive(ctx, store, result.Item, batch[i]); err != nil {
			return err
		}
	}
	r.o.Say("fetched %d of %d archives", r.report.Fetched, r.report.Archives)
	return r.copyArchiveBundles(ctx, batch)
}

// urls returns where an archive may be: beside the index, else where the registry says.
func (r *run) urls(a archive) []string {
	config := r.snapshot.Config()
	urls := config.CopyURLs(r.source.Tree, a.Name, a.publish)
	if r.source.Tree == "" {
		urls = nil
	}
	base := r.source.Tree
	if base == "" {
		base = config.StaticURL
	}
	for _, u := range config.DownloadURLs(base, a.Name, a.publish) {
		if !slices.Contains(urls, u) {
			urls = append(urls, u)
		}
	}
	return urls
}

// placeArchive moves an archive out of the cache; one that two releases share was moved with the first.
func (r *run) placeArchive(ctx context.Context, store *cache.Cache, item fetch.Item, a archive) error {
	from, err := store.Open(ctx, item)
	if errors.Is(err, cache.ErrAbsent) && r.shared(a) {
		return nil
	}
	if err != nil {
		return err
	}
	defer from.Close()
	name, err := r.tree.room(a.Path)
	if err != nil {
		return err
	}
	if err := from.Chmod(0o644); err != nil {
		return err
	}
	if err := os.Rename(from.Name(), name); err != nil {
		return err
	}
	r.report.Fetched++
	r.report.Bytes += a.Size
	return nil
}

// shared copies an archive from another release that has the same; false where there is none.
func (r *run) shared(a archive) bool {
	for _, other := range r.archives {
		if other.Checksum == a.Checksum && other.Path != a.Path && r.hasArchive(other) {
			return r.tree.write(a.Path, r.tree.read(other.Path)) == nil
		}
	}
	return false
}

// copyArchiveBundles copies what the source has for other tools, beside archives that are new here.
func (r *run) copyArchiveBundles(ctx context.Context, batch []archive) error {
	paths := make([]string, len(batch))
	byPath := map[string]archive{}
	for i, a := range batch {
		paths[i] = a.Path + sign.BundleSuffix
		byPath[paths[i]] = a
	}
	found, err := r.source.Transport.Fetch(ctx, paths)
	if err != nil {
		return err
	}
	for path, data := range found {
		if a := byPath[path]; !isBundleOf(a, data) {
			r.o.Say("warning: %s at %s is no bundle of its archive, and is left out", path, r.source.Name)
		} else if err := r.from.stage(path, data); err != nil {
			return err
		}
	}
	return nil
}

// isBundleOf reports whether a bundle is about an archive. Whoever uses it verifies it; no installation does.
func isBundleOf(a archive, data []byte) bool {
	var bundle struct {
		DSSEEnvelope struct {
			Payload []byte `json:"payload"`
		} `json:"dsseEnvelope"`
	}
	return len(data) <= maxBundle && json.Unmarshal(data, &bundle) == nil && strings.Contains(string(bundle.DSSEEnvelope.Payload), a.Checksum.Hex())
}
