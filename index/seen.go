package index

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

// Seen remembers the files of packages and publishers as they were when they were last verified, so that a registry cannot
// change what it has shown: metadata that says otherwise is signed with the registry's online keys, and a thief of those
// keys could sign it too. A file must begin with the bytes that were seen; what follows them must stand in the log behind
// everything that was there then, and must not be older.
//
// It is a sealed file: for each file, sorted by path, there are path, length, sha256, the size of the log and the time in
// seconds when it was seen. Of a file that has not changed nothing is read. What is damaged is an error, as of
// [StandingStore] Load. A Seen is for use by several goroutines at once.
type Seen struct {
	path string

	mu      sync.Mutex
	known   map[string]sighting // by path; nil before the file was read
	fresh   map[string]sighting // of files that were read here, and of which nobody has verified the lines
	changed bool
}

// sighting is a file at a moment.
type sighting struct {
	length int64
	sum    [sha256.Size]byte
	log    int64 // size of the log of the state that vouched for the file: every line of it stands before
	at     int64 // when that state was signed, in seconds: every line behind the log's size is from later
}

const (
	seenHeader = "gal files seen 1\n"
	maxSeen    = 64 << 20
)

// NewSeen returns what the file at path remembers; it is read when it is first needed.
func NewSeen(path string) *Seen { return &Seen{path: path, fresh: map[string]sighting{}} }

// load reads the file. It is called with the lock held.
func (s *Seen) load() error {
	if s.known != nil {
		return nil
	}
	known, err := s.read()
	if err == nil {
		s.known = known
	}
	return err
}

func (s *Seen) read() (map[string]sighting, error) {
	text, err := readSealed(s.path, seenHeader, maxSeen)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]sighting{}, nil
	}
	if err == nil {
		if known, ok := parseSeen(text); ok {
			return known, nil
		}
		err = errUnsealed
	}
	return nil, damaged(s.path, err)
}

func parseSeen(text string) (map[string]sighting, bool) {
	known, ok := map[string]sighting{}, true
	r := &unfolder{text: text}
	for r.text != "" {
		path := r.string()
		now := sighting{length: int64(r.number())}
		ok = copy(now.sum[:], r.string()) == sha256.Size && now.length >= 0 && ok
		now.log, now.at = int64(r.number()), int64(r.number())
		known[path] = now
	}
	return known, ok && !r.broken
}

// Check reports whether what is remembered can be read: errors are those of [StandingStore] Load.
func (s *Seen) Check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.load()
}

// Save writes what was verified anew, one process at a time. What another process has seen meanwhile, of a later state,
// stays. Of more files than there is room for, some half a million, those that were seen longest ago are left out: they are
// returned, for [FoldCache.Release].
//
// Errors: those of [StandingStore] Load, of the context where another process keeps what is to be written, and of writing.
func (s *Seen) Save(ctx context.Context) (left []string, err error) {
	if !s.isChanged() {
		return nil, nil
	}
	lock, err := lockState(ctx, filepath.Dir(s.path))
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	return s.save()
}

func (s *Seen) isChanged() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// save is Save for those who have the lock.
func (s *Seen) save() (left []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.changed {
		return nil, nil
	}
	there, err := s.read()
	if err != nil {
		return nil, err
	}
	for path, now := range s.known {
		if there[path].log <= now.log {
			there[path] = now
		}
	}
	w := &folder{buf: sealedBuffer(seenHeader, 128*len(there))}
	fitting, left := roomFor(there, maxSeen)
	for _, path := range left {
		delete(there, path)
	}
	for _, path := range fitting {
		now := there[path]
		w.text(path)
		w.number(uint64(now.length))
		w.text(string(now.sum[:]))
		w.number(uint64(now.log))
		w.number(uint64(now.at))
	}
	s.known, s.changed = there, false
	return left, atomicfile.Write(s.path, seal(w.buf, seenHeader), 0o600)
}

// roomFor returns the paths, sorted, that fit into a file of so many bytes, all of them or the most recent, and the others.
func roomFor(files map[string]sighting, room int) (fitting, left []string) {
	paths := slices.Sorted(maps.Keys(files))
	need := 0
	for _, path := range paths {
		need += sightingSize(path)
	}
	if need <= room {
		return paths, nil
	}
	slices.SortStableFunc(paths, func(a, b string) int { return cmp.Compare(files[b].at, files[a].at) })
	for i, path := range paths {
		if room -= sightingSize(path); room < 0 {
			paths, left = paths[:i], paths[i:]
			break
		}
	}
	slices.Sort(paths)
	return paths, left
}

// sightingSize is at most what one file takes in the file of all, in bytes.
func sightingSize(path string) int { return len(path) + sha256.Size + 5*binary.MaxVarintLen64 }

// before returns how a file was seen by an earlier or the same state of the registry.
func (s *Seen) before(path string, log int64) (sighting, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return sighting{}, false, err
	}
	b, ok := s.known[path]
	return b, ok && b.log <= log, nil // a process that began earlier reads an older state, and cannot judge a later one
}

// note keeps how a file is seen now, until its lines are verified.
func (s *Seen) note(path string, now sighting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh[path] = now
}

// isWaiting reports whether anything was noted that is not kept yet.
func (s *Seen) isWaiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.fresh) > 0
}

// keep makes what was noted of files the measure from now on, and returns which that were.
func (s *Seen) keep(paths []string) (kept []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, path := range paths {
		now, ok := s.fresh[path]
		if !ok {
			continue
		}
		delete(s.fresh, path)
		kept = append(kept, path)
		if b, known := s.known[path]; !known || b.log < now.log || b.sum != now.sum {
			s.known[path] = now
			s.changed = true
		}
	}
	return kept
}

// hold compares a file that the lists vouch for with how it was seen before; data is nil for one that they no longer have.
func (s *Snapshot) hold(e Expected, data []byte) error {
	seen := s.state.Seen
	if seen == nil || !strings.HasPrefix(e.Path, PackageDir) && !strings.HasPrefix(e.Path, PublisherDir) || s.isUnchanged(e) {
		return nil
	}
	now := sighting{length: int64(len(data)), sum: e.SHA256, log: s.vouched.size, at: s.signedAt().Unix()}
	b, ok, err := seen.before(e.Path, now.log)
	if err != nil {
		return err
	}
	if ok && b.sum != now.sum {
		if now.length < b.length || sha256.Sum256(data[:b.length]) != b.sum {
			return s.rewritten(e.Path, b, now, data)
		}
		if f := notBackdated(e.Path, b, data[b.length:]); f != nil {
			return s.evidence(f, b, data)
		}
	}
	if data != nil {
		seen.note(e.Path, now)
	}
	return nil
}

// isUnchanged reports whether the file was held against what was seen, and kept, when these very lists were read before.
func (s *Snapshot) isUnchanged(e Expected) bool {
	lists := s.lists()
	if lists == "" {
		return false
	}
	sum, _, ok := s.state.Folded.under(e.Path, lists)
	return ok && sum == e.SHA256 && s.state.Folded.holds(e.Path)
}

// isHeld reports whether nothing has to be held against what was seen of a package that came from the cache.
func (s *Snapshot) isHeld(path string) bool {
	return s.state.Seen == nil || s.lists() == "" || s.offline() || s.state.Folded.holds(path)
}

// keepSeen makes the packages, and the publishers who speak in them, the measure from now on: their lines are verified.
func (s *Snapshot) keepSeen(paths []string) {
	if seen := s.state.Seen; seen != nil && seen.isWaiting() {
		s.state.Folded.hold(seen.keep(paths))
	}
}

// signedAt is when the registry last signed the state that is read: by its own clock, but no later than now.
func (s *Snapshot) signedAt() time.Time {
	at := s.vouched.client.Expires().Add(-tuf.TimestampLife)
	if now := s.options.Now; !now.IsZero() && now.Before(at) {
		return now
	}
	return at
}

// notBackdated holds that what was added to a file is newer than what was seen. What does not parse is told by whoever reads it.
func notBackdated(path string, b sighting, added []byte) *fault.Error {
	var found *fault.Error
	_ = splitLines(path, added, func(number int, line []byte) error {
		if number%2 == 0 || found != nil {
			return nil
		}
		at, log, err := decodeStamp(line)
		if err != nil || log >= b.log && at.Unix() >= b.at {
			return nil
		}
		found = backdated(path).
			WithFact("line  stamped %s, log index %d", formatTime(at), log).
			WithFact("seen  %s, when the log had %d lines and the file did not have this one", formatTime(time.Unix(b.at, 0)), b.log)
		return nil
	})
	return found
}

func backdated(path string) *fault.Error {
	return fault.New(fault.Integrity, "index-backdated", "SECURITY: a line of the index is said to be older than it can be").
		WithFact("file  %s", path)
}

// rewritten is the error of a file that does not begin with what was seen.
func (s *Snapshot) rewritten(path string, b, now sighting, data []byte) error {
	what := fmt.Sprintf("sha256:%x, %d bytes", now.sum, now.length)
	if data == nil {
		what = "the registry's lists do not have the file"
	}
	return s.evidence(fault.New(fault.Integrity, "index-rewritten", "SECURITY: lines of the index that were there before are changed or gone").
		WithFact("file    %s", path).
		WithFact("before  sha256:%x, %d bytes", b.sum, b.length).
		WithFact("now     %s", what), b, data)
}

// evidence keeps what the registry shows now, and what is known of before. The registry's own keys have signed both.
func (s *Snapshot) evidence(f *fault.Error, b sighting, data []byte) error {
	f.WithFact("the registry's own keys have signed this: they are in other hands, or its operator has changed what was published")
	before := fmt.Appendf(nil, "%s\nsha256  %x\nbytes   %d\nlog     %d\nsigned  %s\n", f.Facts[0], b.sum, b.length, b.log, formatTime(time.Unix(b.at, 0)))
	for _, kept := range []struct {
		name string
		data []byte
	}{{"rewritten.before", before}, {"rewritten.now", data}, {"rewritten.targets", s.vouched.client.State().Targets}} {
		if s.state.Standing == nil || kept.data == nil {
			continue
		}
		path, err := s.state.Standing.Testify(kept.name, kept.data)
		if err != nil {
			return err
		}
		f.WithFact("kept    %s", path)
	}
	return f.WithHelp("show the files that were kept to the registry's operator, and ask by another way than this host")
}
