package index

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/translog"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

// Standing is what was last verified of a registry as a whole. From it a later process sees that a host shows an older
// state, another root or another log.
type Standing struct {
	First      string    // fingerprint of the root that was trusted first; "" before there is one
	Metadata   tuf.State // Root is nil before there is one
	Checkpoint []byte    // of the log, nil before one was seen
}

// StandingStore keeps the standing of one registry.
type StandingStore interface {
	// Load returns the zero Standing where nothing was kept. What is damaged is an error: to begin anew would be to trust
	// whoever answers next.
	//
	// Errors: fault.Integrity "standing-damaged", fault.Manifest "unreadable".
	Load() (Standing, error)
	// Advance keeps the standing. Where another process has gone further meanwhile, in the metadata or in the log, that
	// stays: a standing only ever goes forward.
	//
	// Errors: those of Load; fault.Integrity "registry-untrusted" where another process has begun with another root
	// meanwhile; those of the context, while another process keeps its standing; those of writing.
	Advance(context.Context, Standing) error
	// Testify keeps a file as evidence, for a person to look at.
	Testify(name string, data []byte) (path string, err error)
}

// StandingFile keeps a standing in a folder: the file `standing` is sealed and has the members, each behind its length.
type StandingFile struct{ Dir string }

const (
	standingHeader = "gal registry standing 1\n"
	maxStanding    = 8 << 20
)

func (f StandingFile) path() string { return filepath.Join(f.Dir, "standing") }

// Load implements [StandingStore].
func (f StandingFile) Load() (Standing, error) {
	text, err := readSealed(f.path(), standingHeader, maxStanding)
	if errors.Is(err, fs.ErrNotExist) {
		return Standing{}, nil
	}
	if err == nil {
		if s, ok := parseStanding(text); ok {
			return s, nil
		}
		err = errUnsealed
	}
	return Standing{}, damaged(f.path(), err)
}

// damaged is the error for a file whose loss nobody may take for never having seen the registry.
func damaged(path string, err error) error {
	if !errors.Is(err, errUnsealed) {
		return fault.New(fault.Manifest, "unreadable", "what is kept of the registry cannot be read").WithFact("file %s", path).Because(err)
	}
	return fault.New(fault.Integrity, "standing-damaged", "what is kept of the registry is damaged").
		WithFact("file %s", path).
		WithHelp("gal-pkg registry reset NAME   # trust anew whoever answers there, as if never seen")
}

func parseStanding(text string) (s Standing, ok bool) {
	r := &unfolder{text: text}
	s.First = r.string()
	for _, member := range []*[]byte{&s.Metadata.Root, &s.Metadata.Timestamp, &s.Metadata.Snapshot, &s.Metadata.Targets, &s.Checkpoint} {
		if text := r.string(); text != "" {
			*member = []byte(text)
		}
	}
	return s, !r.broken && r.text == ""
}

// Advance implements [StandingStore], one process at a time.
func (f StandingFile) Advance(ctx context.Context, s Standing) error {
	lock, err := lockState(ctx, f.Dir)
	if err != nil {
		return err
	}
	defer lock.Release()
	kept, err := f.Load()
	if err != nil {
		return err
	}
	next, err := kept.join(s)
	if err != nil || next.equal(kept) {
		return err
	}
	return f.save(next)
}

func (f StandingFile) save(s Standing) error {
	w := &folder{buf: sealedBuffer(standingHeader, 4<<10)}
	w.text(s.First)
	for _, member := range [][]byte{s.Metadata.Root, s.Metadata.Timestamp, s.Metadata.Snapshot, s.Metadata.Targets, s.Checkpoint} {
		w.text(string(member))
	}
	return atomicfile.Write(f.path(), seal(w.buf, standingHeader), 0o600)
}

// Testify implements [StandingStore].
func (f StandingFile) Testify(name string, data []byte) (string, error) {
	path := filepath.Join(f.Dir, name)
	return path, atomicfile.Write(path, data, 0o600)
}

// join returns the later of each part.
func (s Standing) join(o Standing) (Standing, error) {
	if s.First == "" {
		return o, nil
	}
	if o.First != s.First {
		return s, fault.New(fault.Integrity, "registry-untrusted", "SECURITY: another process trusts another root of this registry since a moment ago").
			WithFact("there  %s", s.First).WithFact("here   %s", o.First).
			WithHelp("gal-pkg registry list --check   # which of them is the right one, its operator knows")
	}
	if !s.Metadata.IsLater(o.Metadata) {
		s.Metadata = o.Metadata
	}
	if translog.CheckpointSize(o.Checkpoint) >= translog.CheckpointSize(s.Checkpoint) {
		s.Checkpoint = o.Checkpoint
	}
	return s, nil
}

func (s Standing) equal(o Standing) bool {
	return s.First == o.First && bytes.Equal(s.Checkpoint, o.Checkpoint) && bytes.Equal(s.Metadata.Root, o.Metadata.Root) &&
		bytes.Equal(s.Metadata.Timestamp, o.Metadata.Timestamp) && bytes.Equal(s.Metadata.Snapshot, o.Metadata.Snapshot) &&
		bytes.Equal(s.Metadata.Targets, o.Metadata.Targets)
}
