package index

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/translog"
)

// CheckLog holds that the registry's log continues the one that was seen before, and that every line behind the artifacts
// stands in it: so everybody who looks sees the same lines. What was proved before is not proved again. A registry without
// metadata has no log to hold it to.
//
// Errors: fault.Integrity "not-logged", "log-forked", "log-rollback", "log-incomplete", "log-inconsistent".
func (s *Snapshot) CheckLog(ctx context.Context, artifacts []Artifact) error {
	if s.vouched == nil {
		return nil
	}
	if err := s.readUnlogged(ctx, artifacts); err != nil {
		return err
	}
	c := newChecker(s)
	for _, a := range artifacts {
		p, err := s.Package(ctx, a.name)
		if err != nil {
			return err
		}
		c.gather(p.obligationsFor(a.Version()))
	}
	var wanted []Obligation
	for _, o := range c.obligations {
		if o.leads && !s.logged(o) {
			wanted = append(wanted, o)
		}
	}
	return s.prove(ctx, wanted)
}

// readUnlogged reads from their files the packages that came from the cache and of which a line was not proved before.
func (s *Snapshot) readUnlogged(ctx context.Context, artifacts []Artifact) error {
	wants := make([]Want, len(artifacts))
	for i, a := range artifacts {
		wants[i] = Want{Name: a.name, Version: a.Version()}
	}
	return s.readAnew(ctx, wants, func(*Package) bool { return true }, s.logged)
}

// loggedMemo is what a [Memory] knows a proof of inclusion by.
func (o Obligation) loggedMemo() Digest { return DigestOf([]byte("logged\n" + string(o.memo()))) }

func (s *Snapshot) logged(o Obligation) bool {
	return s.state.Verified != nil && s.state.Verified.Has(o.loggedMemo())
}

// prove checks the log's consistency, where it has grown, and the inclusion of the lines.
func (s *Snapshot) prove(ctx context.Context, lines []Obligation) error {
	err := s.proveAll(ctx, lines)
	if isOfflineMiss(err) && len(lines) == 0 {
		return nil // all of it was proved in a log that was seen; whether it has grown rightly since, the network tells
	}
	return err
}

func (s *Snapshot) proveAll(ctx context.Context, lines []Obligation) error {
	now, err := s.checkpoint(ctx)
	if err != nil {
		return err
	}
	standing, err := s.standing()
	if err != nil {
		return err
	}
	if now == nil && len(lines) == 0 && standing.Checkpoint == nil {
		return nil
	}
	if now == nil {
		return missingFile(LogDir + "checkpoint") // also of a log that was there before: it would be shorter than it was
	}
	if now, err = s.lastProved(now, standing.Checkpoint, lines); err != nil {
		return err
	}
	grown := string(standing.Checkpoint) != string(now.bytes)
	if !grown && len(lines) == 0 {
		return nil
	}
	leaves, err := s.leavesOf(ctx, lines)
	if err != nil {
		return err
	}
	if err := s.proveBeside(ctx, now, standing, leaves); err != nil {
		return err
	}
	if memory := s.state.Verified; memory != nil {
		for _, o := range lines {
			memory.Add(o.loggedMemo())
		}
	}
	standing.Checkpoint = now.bytes
	return s.keep(ctx, standing)
}

// lastProved is the log to look into: the present one, but without a network the last that was proved, if there is one and
// the lines stand in it: its tiles are here.
func (s *Snapshot) lastProved(now *checkpoint, known []byte, lines []Obligation) (*checkpoint, error) {
	size := translog.CheckpointSize(known)
	if !s.offline() || known == nil || slices.ContainsFunc(lines, func(o Obligation) bool { return o.log >= size }) {
		return now, nil
	}
	last, err := translog.OpenCheckpoint(known, s.config.ID, now.keys...)
	return &checkpoint{last, known, now.keys}, err
}

// proveBeside proves what this process has to, where standing may be of another that has seen a longer log meanwhile. That
// one is no measure for what was current before, but must continue it.
func (s *Snapshot) proveBeside(ctx context.Context, now *checkpoint, standing Standing, leaves []translog.Leaf) error {
	later := standing.Checkpoint
	if translog.CheckpointSize(later) <= now.Size || bytes.Equal(later, s.logBefore) {
		return s.proveAgainst(ctx, now, later, leaves)
	}
	if err := s.proveAgainst(ctx, now, s.logBefore, leaves); err != nil {
		return err
	}
	longer, err := translog.OpenCheckpoint(later, s.config.ID, now.keys...)
	if err != nil {
		return err
	}
	return s.testify(s.proveTwice(ctx, longer, now.Checkpoint, nil), now.bytes, later)
}

// proveAgainst holds the log against a checkpoint that is known, nil for none, and the lines against the log.
func (s *Snapshot) proveAgainst(ctx context.Context, now *checkpoint, known []byte, leaves []translog.Leaf) (err error) {
	before := translog.EmptyCheckpoint(s.config.ID)
	if known != nil {
		if before, err = translog.OpenCheckpoint(known, s.config.ID, now.keys...); err != nil {
			return err
		}
	}
	err = s.proveTwice(ctx, now.Checkpoint, before, leaves)
	return s.testify(err, known, now.bytes)
}

// proveTwice checks consistency and inclusion. Tiles that prove nothing are dropped and asked for once more, as they may
// have been spoilt on the way.
func (s *Snapshot) proveTwice(ctx context.Context, now, before translog.Checkpoint, leaves []translog.Leaf) error {
	paths, err := s.proveOnce(ctx, now, before, leaves)
	f, ok := s.vouched.raw.(Forgetful)
	if !ok || fault.KindOf(err) != fault.Integrity {
		return err
	}
	f.Forget(paths)
	if paths, err = s.proveOnce(ctx, now, before, leaves); fault.KindOf(err) == fault.Integrity {
		f.Forget(paths)
	}
	return err
}

func (s *Snapshot) proveOnce(ctx context.Context, now, before translog.Checkpoint, leaves []translog.Leaf) ([]string, error) {
	log, paths, err := s.openLog(ctx, now, before, leaves)
	if err == nil {
		err = log.CheckConsistency(before)
	}
	if err == nil {
		err = log.CheckInclusion(leaves...)
	}
	return paths, err
}

// checkpoint is one that the metadata vouches for and the log's key has signed.
type checkpoint struct {
	translog.Checkpoint
	bytes []byte
	keys  []translog.Verifier
}

// checkpoint returns the one of this state of the registry; nil where nothing has been published yet.
func (s *Snapshot) checkpoint(ctx context.Context) (*checkpoint, error) {
	name := ""
	for _, target := range s.vouched.client.Names() {
		if strings.HasPrefix(target, CheckpointPrefix) {
			name = target
		}
	}
	if name == "" {
		return nil, nil
	}
	files, err := s.transport.Fetch(ctx, []string{name, TrustedRootPath})
	if err != nil {
		return nil, err
	}
	logs, err := sign.ParseTrustedRoot(files[TrustedRootPath], s.config.ID)
	if err != nil {
		return nil, err
	}
	c := &checkpoint{bytes: files[name]}
	for _, l := range logs {
		c.keys = append(c.keys, l.Key)
	}
	c.Checkpoint, err = translog.OpenCheckpoint(c.bytes, s.config.ID, c.keys...)
	return c, err
}

func (s *Snapshot) leavesOf(ctx context.Context, lines []Obligation) ([]translog.Leaf, error) {
	bundles, err := s.bundles(ctx, lines)
	if err != nil {
		return nil, err
	}
	leaves := make([]translog.Leaf, len(lines))
	for i, o := range lines {
		body, err := o.Leaf(bundles)
		if err != nil {
			return nil, err
		}
		leaves[i] = translog.Leaf{Index: o.log, Hash: translog.HashLeaf(body)}
	}
	return leaves, nil
}

// openLog reads all tiles that the proofs need in one round, and returns their paths too.
func (s *Snapshot) openLog(ctx context.Context, now, before translog.Checkpoint, leaves []translog.Leaf) (*translog.Log, []string, error) {
	var indexes []int64
	for _, l := range leaves {
		if l.Index < now.Size { // CheckInclusion tells of the others
			indexes = append(indexes, l.Index)
		}
	}
	paths, err := translog.InclusionPaths(now.Size, indexes...)
	if err != nil {
		return nil, nil, err
	}
	if 0 < before.Size && before.Size < now.Size {
		more, err := translog.ConsistencyPaths(before.Size, now.Size)
		if err != nil {
			return nil, nil, err
		}
		paths = append(paths, more...)
	}
	for i := range paths {
		paths[i] = LogDir + paths[i]
	}
	files, err := s.vouched.raw.Fetch(ctx, paths)
	return translog.Open(tiles(files), now), paths, err
}

// tiles are files of the log that have been fetched.
type tiles map[string][]byte

func (t tiles) Read(path string) ([]byte, error) {
	if data, ok := t[LogDir+path]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
}

// testify keeps both checkpoints of a log that contradicts itself.
func (s *Snapshot) testify(err error, before, now []byte) error {
	f := fault.Of(err)
	if f == nil || f.Code != "log-forked" || s.state.Standing == nil {
		return err
	}
	for name, data := range map[string][]byte{"forked-log.before": before, "forked-log.now": now} {
		path, err := s.state.Standing.Testify(name, data)
		if err != nil {
			return err
		}
		f.WithFact("kept   %s", path)
	}
	return f
}
