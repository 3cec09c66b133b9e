package index

import (
	"bytes"
	"context"
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
// metadata at all.
func follow(ctx context.Context, t Transport, standing Standing, pinned string, now time.Time) (*tuf.Client, Standing, error) {
	if lenient(t) {
		now = time.Time{} // nothing has expired by then; who opened the registry says how old it is
	}
	if err := checkPin(standing, pinned); err != nil {
		return nil, standing, err
	}
	timestamp, found, err := fetchOne(ctx, t, tuf.TimestampPath, tuf.MaxTimestamp)
	switch {
	case err != nil:
		return nil, standing, err
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
		if standing.Metadata.Root, err = firstRoot(ctx, t, pinned); err != nil {
			return nil, standing, err
		}
		standing.First = tuf.Fingerprint(standing.Metadata.Root)
	}
	client, err := tuf.Start(standing.Metadata, now)
	if err == nil {
		err = advance(ctx, t, client, timestamp)
	}
	if err != nil {
		return nil, standing, forget(t, err, tuf.RootPath(1)) // where it was trusted just now, another may be shown next time
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

// firstRoot finds the root that is pinned; where none is, the first is trusted, and its successors by it.
func firstRoot(ctx context.Context, t Transport, pinned string) ([]byte, error) {
	var first []byte
	for n := int64(1); n <= maxFirstRoots; n++ {
		root, found, err := fetchOne(ctx, t, tuf.RootPath(n), tuf.MaxRoot)
		switch {
		case err != nil:
			return nil, err
		case found && (pinned == "" || tuf.Fingerprint(root) == pinned):
			return root, nil
		case found:
			first = root
			continue
		case first != nil:
			return nil, tuf.CheckFingerprint(first, pinned)
		}
		break
	}
	return nil, fault.New(fault.Integrity, "registry-untrusted", "SECURITY: the registry has metadata, and no root of trust that vouches for it").
		WithFact("missing  %s", tuf.RootPath(1))
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
			return forget(t, err, next)
		}
	}
	for _, step := range []struct {
		path func() string
		max  int
		take func([]byte) error
	}{{client.SnapshotPath, tuf.MaxSnapshot, client.Snapshot}, {client.TargetsPath, tuf.MaxTargets, client.Targets}} {
		path := step.path()
		if path == "" {
			continue
		}
		data, found, err := fetchOne(ctx, t, path, step.max)
		if err != nil {
			return err
		}
		if !found {
			return missingFile(path)
		}
		if err := step.take(data); err != nil {
			return forget(t, err, path)
		}
	}
	return nil
}

// missingFile is the error for a file that the metadata vouches for and the host does not have.
func missingFile(path string) error {
	return fault.New(fault.Integrity, "metadata-mismatch", "SECURITY: the registry's host lacks a file that its metadata names").
		WithFact("file  %s", path).
		WithHelp("try later: the host may be in the middle of an update; tell the registry's operator if it stays so")
}

func fetchOne(ctx context.Context, t Transport, path string, limit int) (data []byte, found bool, err error) {
	files, err := t.Fetch(ctx, []string{path})
	if err != nil {
		return nil, false, err
	}
	data, found = files[path]
	if len(data) > limit {
		return nil, false, fault.New(fault.Integrity, "metadata-malformed", "SECURITY: the registry's %s is longer than any registry writes", path).
			WithFact("%d bytes, at most %d", len(data), limit)
	}
	return bytes.Clone(data), found, nil
}
