package desk

import (
	"bytes"
	"context"
	"io/fs"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/tools/build"
	"github.com/geeknik/gal-pkg/tools/gate"
)

// Judge runs the registry's gate here, on what would be proposed, with the archives of the versions that it publishes.
func (d *Desk) Judge(ctx context.Context, lines []*index.Line, packed []*archive.Archive, now time.Time) (*gate.Report, error) {
	paths := []string{index.ConfigPath, index.AccessPath, "reserved.txt"}
	for _, l := range lines {
		paths = append(paths, index.SubjectPath(l.Event, l.Subject))
	}
	files, err := d.Files(ctx, paths)
	if err != nil {
		return nil, err
	}
	config, err := index.ParseConfig(files[index.ConfigPath])
	if err != nil {
		return nil, err
	}
	access, err := index.ParseAccess(files[index.AccessPath])
	if err != nil {
		return nil, err
	}
	ledger := build.NewLedger(d.registry.ID(), published{ctx, d.registry}, lastLog)
	if ledger.Roots, err = d.registry.Snapshot.Roots(ctx); err != nil {
		return nil, err
	}
	changes, err := d.bundles(ctx, lines, ledger, changesOf(lines, files))
	if err != nil {
		return nil, err
	}
	report, _ := gate.Judge(changes, gate.Rules{
		Config: config, Access: access, Reserved: strings.Fields(string(files["reserved.txt"])),
		Ledger: ledger, Now: now,
		Archive: func(digest index.Digest) ([]byte, error) {
			for _, a := range packed {
				if string(digest) == a.Digest {
					return a.Bytes, nil
				}
			}
			return nil, fs.ErrNotExist
		},
		Known: func(name string) (bool, error) {
			p, err := Known(ctx, d.registry, name)
			return p != nil && p.Name == name, err
		},
		Names: func() ([]string, error) { return names(ctx, d.registry) },
	})
	return report, nil
}

// bundles adds the bundles of signatures by identities to what is proposed, and lets the ledger verify them.
func (d *Desk) bundles(ctx context.Context, lines []*index.Line, ledger *build.Ledger, changes []gate.Change) (_ []gate.Change, err error) {
	for _, l := range lines {
		for _, digest := range l.Bundles() {
			if data, ok := d.Bundles[digest]; ok {
				changes = append(changes, gate.Change{Path: index.BundlePath(digest), Regular: true, New: data})
			}
			if ledger.Bundles, err = d.registry.Snapshot.Bundles(ctx); err != nil {
				return nil, err
			}
		}
	}
	if d.Unsigned {
		ledger.Bundles.Verify = func([]byte, []byte, sign.Claim, []sign.Identity) error { return nil }
	}
	return changes, nil
}

// names lists the packages of the registry's search catalogue. The gate asks for them when a package is new.
func names(ctx context.Context, r *remote.Registry) ([]string, error) {
	catalogue, err := r.Snapshot.Catalogue(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]string, len(catalogue))
	for i, row := range catalogue {
		list[i] = row.Name
	}
	return list, nil
}

// changesOf is what the lines do to the files of branch main.
func changesOf(lines []*index.Line, files map[string][]byte) []gate.Change {
	var changes []gate.Change
	at := map[string]int{}
	for _, l := range lines {
		path := index.SubjectPath(l.Event, l.Subject)
		i, ok := at[path]
		if !ok {
			i = len(changes)
			at[path] = i
			changes = append(changes, gate.Change{Path: path, Regular: true, Old: files[path], New: bytes.Clone(files[path])})
		}
		changes[i].New = append(append(changes[i].New, l.Bytes()...), '\n')
	}
	return changes
}

// lastLog is a log index behind every one that a registry has given out: where a line that is not merged yet is judged.
const lastLog = 1 << 52

// published is the registry's published tree, for the gate.
type published struct {
	ctx context.Context // of the one judgement that this is made for
	r   *remote.Registry
}

func (p published) ReadFile(path string) ([]byte, error) {
	files, err := p.r.Snapshot.Files(p.ctx, []string{path})
	if err != nil {
		return nil, err
	}
	data, ok := files[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return data, nil
}
