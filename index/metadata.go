package index

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

// maxFirstRoots is how many roots are looked at to find one that the user has pinned.
const maxFirstRoots = 256

// Lenient is a [Transport] whose registry may be out of date without anybody being to blame: a copy on this machine, or
// what a user without a network has. There, metadata that has expired is reported and not refused.
type Lenient interface{ Lenient() bool }

func lenient(t Transport) bool {
	l, ok := t.(Lenient)
	return ok && l.Lenient()
}

// Forgetful is a [Transport] that keeps files which never change, and can drop them where they turn out to be wrong. Without
// it, one bad answer of a host would be a bad answer for ever.
type Forgetful interface{ Forget(paths []string) }

// forget returns an error; where it says that files are wrong, they are dropped first.
func forget(t Transport, err error, paths ...string) error {
	if f, ok := t.(Forgetful); ok && fault.KindOf(err) == fault.Integrity {
		f.Forget(paths)
	}
	return err
}

// follow brings what is trusted of a registry up to what its host shows. The client is nil where the host shows no
// metadata at all. Where something is wrong, all that was read is dropped and asked for once more, past the caches on the
// way: an answer that was spoilt, or is too old, is told as such only when the host itself stands by it.
func follow(ctx context.Context, t Transport, standing Standing, pinned string, now time.Time) (*tuf.Client, Standing, error) {
	if err := checkPin(standing, pinned); err != nil {
		return nil, standing, err
	}
	if lenient(t) {
		now = time.Time{} // nothing has expired by then; who opened the registry says how old it is
	}
	r := &noted{Transport: t}
	if isOffline(t) {
		// What the host showed last may be what was refused.
		r.timestamp = standing.Metadata.Timestamp
	}
	client, next, err := followOnce(ctx, r, standing, pinned, now)
	f, ok := t.(Forgetful)
	if !ok || fault.KindOf(err) != fault.Integrity {
		return client, next, err
	}
	f.Forget(r.paths)
	client, next, err = followOnce(ctx, r, standing, pinned, now)
	if fault.KindOf(err) == fault.Integrity {
		f.Forget(r.paths) // and where a root was trusted just now, another may be shown next time
	}
	return client, next, err
}

// noted is a transport that knows what was read through it. Where it has a timestamp, that is the one.
type noted struct {
	Transport
	timestamp []byte
	paths     []string
}

func (n *noted) Fetch(ctx context.Context, paths []string) (map[string][]byte, error) {
	if n.timestamp != nil && slices.Equal(paths, []string{tuf.TimestampPath}) {
		return map[string][]byte{tuf.TimestampPath: n.timestamp}, nil
	}
	n.paths = append(n.paths, paths...)
	return n.Transport.Fetch(ctx, paths)
}

func followOnce(ctx context.Context, t Transport, standing Standing, pinned string, now time.Time) (*tuf.Client, Standing, error) {
	first := []string{tuf.TimestampPath}
	if standing.Metadata.Root == nil {
		first = append(first, tuf.RootPath(1)) // it will be needed, and need not wait
	}
	files, err := fetchSome(ctx, t, first, tuf.MaxRoot)
	if err != nil {
		return nil, standing, err
	}
	timestamp, found := files[tuf.TimestampPath]
	switch {
	case !found && standing.Metadata.Root != nil:
		return nil, standing, fault.New(fault.Integrity, "registry-untrusted", "SECURITY: the registry has no signed metadata any more").
			WithFact("root  %s, which was trusted before", tuf.Fingerprint(standing.Metadata.Root)).
			WithFact("a host that hides the metadata can show whatever it likes").
			WithHelp("gal-pkg registry reset NAME   # only if the registry's operator confirms the change, by another way than this host")
	case !found && pinned != "":
		return nil, standing, fault.New(fault.Integrity, "registry-untrusted", "SECURITY: the registry has no signed metadata, and its root of trust is pinned").
			WithFact("pinned  %s", pinned)
	case !found:
		return nil, standing, nil
	}
	if standing.Metadata.Root == nil {
		if standing.Metadata.Root, err = firstRoot(ctx, t, files[tuf.RootPath(1)], pinned); err != nil {
			return nil, standing, err
		}
		standing.First = tuf.Fingerprint(standing.Metadata.Root)
	}
	client, err := tuf.Start(standing.Metadata, now)
	if err == nil {
		err = advance(ctx, t, client, timestamp)
	}
	if err != nil {
		return nil, standing, err
	}
	standing.Metadata = client.State()
	return client, standing, nil
}

// checkPin holds a pinned root against the one that was trusted first, or is now.
func checkPin(standing Standing, pinned string) error {
	if pinned == "" || standing.Metadata.Root == nil || pinned == standing.First {
		return nil
	}
	return tuf.CheckFingerprint(standing.Metadata.Root, pinned)
}

// firstRoot finds the root that is pinned; where none is, the first is trusted, and its successors by it. Root is the first.
func firstRoot(ctx context.Context, t Transport, root []byte, pinned string) ([]byte, error) {
	if root == nil {
		return nil, fault.New(fault.Integrity, "registry-untrusted", "SECURITY: the registry has metadata, and no root of trust that vouches for it").
			WithFact("missing  %s", tuf.RootPath(1))
	}
	shown := int64(1)
	for n := int64(2); pinned != "" && tuf.Fingerprint(root) != pinned; n++ {
		next, found, err := fetchOne(ctx, t, tuf.RootPath(n), tuf.MaxRoot)
		if err != nil {
			return nil, err
		}
		if !found || n > maxFirstRoots {
			return nil, tuf.CheckFingerprint(root, pinned)
		}
		root, shown = next, n
	}
	if got, err := tuf.ParseRoot(root); err != nil {
		return nil, err
	} else if got.Version != shown {
		return nil, fault.New(fault.Integrity, "root-invalid", "SECURITY: the registry's first root of trust is not what its place says").
			WithFact("place    %s", tuf.RootPath(shown)).WithFact("version  %d", got.Version)
	}
	return root, nil
}

// advance takes the client to what the timestamp names. The usual case, that nothing has changed, fetches nothing more.
func advance(ctx context.Context, t Transport, client *tuf.Client, timestamp []byte) error {
	for {
		_, err := client.Timestamp(timestamp)
		next, wanted := client.NextRoot()
		if !wanted {
			if err != nil {
				return err
			}
			break
		}
		root, found, fetchErr := fetchOne(ctx, t, next, tuf.MaxRoot)
		if fetchErr != nil {
			return fetchErr
		}
		if !found {
			return err
		}
		if err := client.Root(root); err != nil {
			return err
		}
	}
	snapshot := client.SnapshotPath()
	if snapshot == "" {
		return nil
	}
	// A registry's build gives both files the same number, so most often one round has both.
	guess := strings.Replace(snapshot, "snapshot", "targets", 1)
	files, err := fetchSome(ctx, t, []string{snapshot, guess}, tuf.MaxTargets)
	if err != nil {
		return err
	}
	if err := take(client.Snapshot, snapshot, files, tuf.MaxSnapshot); err != nil {
		return err
	}
	targets := client.TargetsPath()
	if targets == "" {
		return nil
	}
	if targets != guess {
		if files, err = fetchSome(ctx, t, []string{targets}, tuf.MaxTargets); err != nil {
			return err
		}
	}
	return take(client.Targets, targets, files, tuf.MaxTargets)
}

// take hands a file to the client, which must be there.
func take(into func([]byte) error, path string, files map[string][]byte, limit int) error {
	data, found := files[path]
	if !found {
		return missingFile(path)
	}
	if err := checkLength(path, data, limit); err != nil {
		return err
	}
	return into(data)
}

// missingFile is the error for a file that the metadata vouches for and the host does not have.
func missingFile(path string) error {
	return fault.New(fault.Integrity, "metadata-mismatch", "SECURITY: the registry's host lacks a file that its metadata names").
		WithFact("file  %s", path).
		WithHelp("try later: the host may be in the middle of an update; tell the registry's operator if it stays so")
}

func fetchOne(ctx context.Context, t Transport, path string, limit int) (data []byte, found bool, err error) {
	files, err := fetchSome(ctx, t, []string{path}, limit)
	data, found = files[path]
	return data, found, err
}

func fetchSome(ctx context.Context, t Transport, paths []string, limit int) (map[string][]byte, error) {
	files, err := t.Fetch(ctx, paths)
	if err != nil {
		return nil, err
	}
	own := make(map[string][]byte, len(files))
	for path, data := range files {
		if err := checkLength(path, data, limit); err != nil {
			return nil, err
		}
		own[path] = bytes.Clone(data)
	}
	return own, nil
}

func checkLength(path string, data []byte, limit int) error {
	if len(data) <= limit {
		return nil
	}
	return fault.New(fault.Integrity, "metadata-malformed", "SECURITY: the registry's %s is longer than any registry writes", path).
		WithFact("%d bytes, at most %d", len(data), limit)
}
