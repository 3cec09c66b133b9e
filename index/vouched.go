package index

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

// Expected is a file of which length and digest are known before it is read.
type Expected struct {
	Path string
	listing.File
}

// Expecting is a [Transport] that can do with fewer requests where it is told what the files must be: one that it keeps
// with that digest need not be asked for again. What it returns is held against the expectation all the same.
type Expecting interface {
	FetchExpected(ctx context.Context, files []Expected) (map[string][]byte, error)
}

// Announced is a [Transport] that is told of files of packages and publishers that are wanted, before the lists are there that
// say what they must be, and whether they exist: it can bring them meanwhile. What it brings is held against the lists like
// everything; a host learns the names that are asked for, of packages that it does not have too.
type Announced interface {
	Announce(paths []string)
}

// Batching is a [Transport] for which a request costs the same, however many files it is for.
type Batching interface{ Batches() bool }

func batches(t Transport) bool {
	b, ok := t.(Batching)
	return ok && b.Batches()
}

// vouched reads a tree through another transport, and holds what it reads against the registry's metadata: the files of
// packages and publishers against the lists, the registry's own files against the targets. What the metadata knows nothing
// of is read as it is, and is worth no more than its host: tiles of the log prove themselves against its checkpoint.
type vouched struct {
	raw    Transport
	client *tuf.Client
	top    listing.File

	// earlier tells the digest of a file as the lists of an earlier state had it, "" where that is not known: what is good
	// enough without a network, because nothing newer can be had. Nil means never.
	earlier func(path string) string

	// hold compares a file that the lists vouch for, nil for one that they do not have, with how it was seen before. Nil
	// compares nothing.
	hold func(e Expected, data []byte) error
	size int64 // of the log of this state

	mu     sync.Mutex
	lookup *listing.Lookup
}

// newVouched reads the top of the lists. In a state that is seen anew the registry's own files come with it, in the same
// round: all of them will be needed, and who keeps files has them then.
func newVouched(ctx context.Context, raw Transport, client *tuf.Client, anew bool) (*vouched, error) {
	v := &vouched{raw: raw, client: client, size: logSize(client.Names())}
	target, ok := client.Target(listing.TopTarget)
	if !ok {
		return nil, missingFile(listing.TopTarget)
	}
	v.top = listing.File(target)
	wanted := []Expected{{v.top.Path(), v.top}}
	if _, keeps := raw.(Forgetful); keeps && anew {
		for _, name := range client.Names() {
			if name == ConfigPath || name == TrustedRootPath || strings.HasPrefix(name, LogDir) {
				target, _ := client.Target(name)
				wanted = append(wanted, Expected{name, listing.File(target)})
			}
		}
	}
	files, err := v.expect(ctx, wanted)
	if err != nil {
		return nil, err
	}
	if v.lookup, err = listing.NewLookup(files[v.top.Path()]); err != nil {
		return nil, err
	}
	return v, nil
}

// Refresh does nothing: what is vouched for is one state of the registry.
func (v *vouched) Refresh(context.Context) error { return nil }

// Close leaves the transport below to whoever opened it.
func (v *vouched) Close() error { return nil }

// Fetch implements [Transport].
func (v *vouched) Fetch(ctx context.Context, paths []string) (map[string][]byte, error) {
	var listed, free []string
	var expected []Expected
	for _, path := range paths {
		if IsListed(path) {
			listed = append(listed, path)
		} else if target, ok := v.client.Target(path); ok {
			expected = append(expected, Expected{path, listing.File(target)})
		} else if path != ConfigPath && path != TrustedRootPath { // these exist where the metadata names them, and nowhere else
			free = append(free, path)
		}
	}
	if a, ok := v.raw.(Announced); ok {
		a.Announce(listed)
	}
	found, err := v.locate(ctx, listed)
	hold := v.hold
	if isOfflineMiss(err) && v.earlier != nil {
		found, err = v.locateEarlier(listed, err)
		hold = nil // it is what was seen
	}
	if err != nil {
		return nil, err
	}
	files, err := v.expect(ctx, append(expected, found...))
	if err == nil && hold != nil {
		err = holdAll(hold, listed, found, files)
	}
	if err != nil {
		return nil, err
	}
	if len(free) == 0 {
		return files, nil
	}
	unvouched, err := v.raw.Fetch(ctx, free)
	for path, data := range unvouched {
		files[path] = data
	}
	return files, err
}

// holdAll compares the listed files that were found, and those that were not, with how they were seen before.
func holdAll(hold func(Expected, []byte) error, listed []string, found []Expected, files map[string][]byte) error {
	for _, e := range found {
		if err := hold(e, files[e.Path]); err != nil {
			return err
		}
	}
	if len(found) == len(listed) {
		return nil
	}
	for _, path := range listed {
		if _, ok := files[path]; !ok {
			if err := hold(Expected{Path: path}, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// logSize returns the size of the log whose checkpoint is among the targets, 0 for none.
func logSize(targets []string) (size int64) {
	for _, name := range targets {
		if text, ok := strings.CutPrefix(name, CheckpointPrefix); ok {
			if n, err := strconv.ParseInt(text, 10, 64); err == nil {
				size = max(size, n)
			}
		}
	}
	return size
}

// locateEarlier finds what the lists said of files when they were last read. Files that they were not asked about then end
// it with the error that the present lists cannot be read.
func (v *vouched) locateEarlier(paths []string, offline error) ([]Expected, error) {
	var expected []Expected
	for _, path := range paths {
		sum := v.earlier(path)
		if len(sum) != sha256.Size {
			return nil, offline
		}
		expected = append(expected, Expected{path, listing.File{Length: wholeFile, SHA256: [sha256.Size]byte([]byte(sum))}})
	}
	return expected, nil
}

// wholeFile stands for the length of a file of which only the digest is known.
const wholeFile = -1

func isOfflineMiss(err error) bool {
	return fault.IsCode(err, "offline-miss") || fault.IsCode(err, "index-not-fetched")
}

// locate finds what the lists say of files, in at most two rounds. Files that the lists do not know are left out: they do
// not exist, whatever the host has there.
func (v *vouched) locate(ctx context.Context, paths []string) ([]Expected, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	for _, round := range []struct {
		need func(...string) []listing.File
		add  func([]byte) error
	}{{v.pages, v.lookup.AddPage}, {v.lookup.Shards, v.lookup.AddShard}} {
		v.mu.Lock()
		needed := round.need(paths...)
		v.mu.Unlock()
		var lists []Expected
		for _, f := range needed {
			lists = append(lists, Expected{f.Path(), f})
		}
		files, err := v.expect(ctx, lists)
		if err != nil {
			return nil, err
		}
		v.mu.Lock()
		for _, list := range lists {
			if err == nil {
				err = round.add(files[list.Path])
			}
		}
		v.mu.Unlock()
		if err != nil {
			return nil, err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	var expected []Expected
	for _, path := range paths {
		file, found, err := v.lookup.Find(path)
		if err != nil {
			return nil, err
		}
		if found {
			expected = append(expected, Expected{path, file})
		}
	}
	return expected, nil
}

// pages are those that are needed for some paths: all, where that is a quarter of them and costs no more requests. Whoever
// needs so many for the packages of a project needs nearly all for those that they depend on.
func (v *vouched) pages(paths ...string) []listing.File {
	needed := v.lookup.Pages(paths...)
	if all := v.lookup.AllPages(); batches(v.raw) && 4*len(needed) >= len(all) {
		return all
	}
	return needed
}

// expect reads files whose digests are known. One that the host shows in another state, because a publication is under way
// or a cache is old, is asked for once more under its digest.
func (v *vouched) expect(ctx context.Context, expected []Expected) (map[string][]byte, error) {
	if len(expected) == 0 {
		return map[string][]byte{}, nil
	}
	files, err := fetchExpected(ctx, v.raw, expected)
	if err != nil {
		return nil, err
	}
	var again []string
	differs := map[string]Expected{}
	for _, e := range expected {
		data, ok := e.cut(files[e.Path])
		if files[e.Path] = data; !ok {
			differs[e.Path] = e
			again = append(again, e.recent())
		}
	}
	if len(again) == 0 {
		return files, nil
	}
	recent, err := v.raw.Fetch(ctx, again)
	if err != nil {
		return nil, err
	}
	for _, e := range expected {
		if _, ok := differs[e.Path]; !ok {
			continue
		}
		data, ok := e.cut(recent[e.recent()])
		if !ok && files[e.Path] == nil {
			return nil, v.missing(ctx, e.Path)
		}
		if !ok {
			return nil, e.mismatch(files[e.Path])
		}
		files[e.Path] = data
	}
	return files, nil
}

func fetchExpected(ctx context.Context, t Transport, expected []Expected) (map[string][]byte, error) {
	if e, ok := t.(Expecting); ok {
		return e.FetchExpected(ctx, expected)
	}
	paths := make([]string, len(expected))
	for i, e := range expected {
		paths[i] = e.Path
	}
	return t.Fetch(ctx, paths)
}

// cut returns the part of a file that is vouched for, and whether it is what was expected. Files of packages only grow, so
// one that is longer than its metadata says begins with just what the metadata means.
func (e Expected) cut(data []byte) ([]byte, bool) {
	length := e.Length
	if length == wholeFile {
		length = int64(len(data))
	}
	if length < 0 || int64(len(data)) < length {
		return data, false
	}
	part := data[:length:length]
	if sha256.Sum256(part) != e.SHA256 {
		return data, false
	}
	return part, true
}

// recent is the place of a file under its digest, where a host keeps it for some days.
func (e Expected) recent() string { return fmt.Sprintf("%s%x", recentDir, e.SHA256) }

func (e Expected) mismatch(data []byte) error {
	got := sha256.Sum256(data)
	return fault.New(fault.Integrity, "index-mismatch", "SECURITY: a file of the index is not the one that the registry's metadata names").
		WithFact("file      %s", e.Path).
		WithFact("expected  sha256:%x, %d bytes", e.SHA256, e.Length).
		WithFact("actual    sha256:%x, %d bytes", got, len(data)).
		WithFact("the index was altered on its host or in transit, or its host shows files of two states").
		WithHelp("try later; tell the registry's operator if it stays so")
}
