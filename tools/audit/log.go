package audit

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/translog"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

const (
	tileLeaves  = 256
	tilesAtOnce = 16
	// maxLeaves bounds what is allocated on a checkpoint's word, before a single leaf was seen.
	maxLeaves = 1 << 28
)

// Log is the log of a registry as it stands at the checkpoint that the metadata names.
type Log struct {
	Checkpoint translog.Checkpoint
	Bytes      []byte // the signed checkpoint
	Keys       []translog.Verifier

	snapshot *index.Snapshot
}

// OpenLog reads the checkpoint that the metadata of a snapshot names. It is nil where nothing has been published yet.
func OpenLog(ctx context.Context, s *index.Snapshot, metadata tuf.State) (*Log, error) {
	targets, err := tuf.TargetsOf(metadata)
	if err != nil {
		return nil, err
	}
	name, err := newestCheckpoint(targets)
	if err != nil || name == "" {
		return nil, err
	}
	files, err := s.Files(ctx, []string{name, index.TrustedRootPath})
	if err != nil {
		return nil, err
	}
	for _, path := range []string{name, index.TrustedRootPath} {
		// The snapshot has held them against these targets, unless there is no target of that name.
		if err := targets[path].Check(path, files[path]); err != nil {
			return nil, err
		}
	}
	id := s.Config().ID
	logs, err := sign.ParseTrustedRoot(files[index.TrustedRootPath], id)
	if err != nil {
		return nil, err
	}
	l := &Log{snapshot: s, Bytes: files[name]}
	for _, key := range logs {
		l.Keys = append(l.Keys, key.Key)
	}
	l.Checkpoint, err = translog.OpenCheckpoint(l.Bytes, id, l.Keys...)
	return l, err
}

func newestCheckpoint(targets map[string]tuf.Target) (name string, err error) {
	newest := int64(-1)
	for target := range targets {
		text, ok := strings.CutPrefix(target, index.CheckpointPrefix)
		if !ok {
			continue
		}
		size, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return "", fault.New(fault.Integrity, "metadata-malformed", "SECURITY: the metadata names the checkpoint %q", target)
		}
		if size > newest {
			newest, name = size, target
		}
	}
	return name, nil
}

// storage reads the files of the log from the registry's host.
type storage struct {
	ctx      context.Context
	snapshot *index.Snapshot
	read     *paths
}

// paths are the files that have been read.
type paths struct {
	mu   sync.Mutex
	list []string
}

func (p *paths) add(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, path)
}

// Read implements [translog.Storage].
func (s storage) Read(path string) ([]byte, error) {
	s.read.add(index.LogDir + path)
	files, err := s.snapshot.Files(s.ctx, []string{index.LogDir + path})
	if err != nil {
		return nil, err
	}
	data, ok := files[index.LogDir+path]
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	return data, nil
}

// Compare holds a signed checkpoint that somebody else has seen against the log that this host shows: the shorter of the
// two must be what the longer one was. It returns what the other checkpoint says.
//
// Errors: fault.Integrity "checkpoint-invalid", "log-forked", "log-incomplete" where the other log is longer than this host
// can show, "log-inconsistent"; those of the transport.
func (l *Log) Compare(ctx context.Context, other []byte) (translog.Checkpoint, error) {
	theirs, err := translog.OpenCheckpoint(other, l.Checkpoint.Origin, l.Keys...)
	if err != nil {
		return theirs, err
	}
	older, newer := theirs, l.Checkpoint
	if theirs.Size > newer.Size {
		older, newer = newer, theirs
	}
	files := storage{ctx, l.snapshot, &paths{}}
	if err = translog.Open(files, newer).CheckConsistency(older); fault.KindOf(err) == fault.Integrity {
		l.snapshot.Forget(files.read.list)
	}
	if f := fault.Of(err); f != nil && theirs.Size > l.Checkpoint.Size && (f.Code == "log-incomplete" || f.Code == "log-inconsistent") {
		f.WithFact("here   size %d, root %s", l.Checkpoint.Size, l.Checkpoint.Root).
			WithFact("there  size %d, root %s", theirs.Size, theirs.Root).
			WithFact("whoever gave you the checkpoint has seen more of the registry than this host shows you").
			WithHelp("try again in an hour; if it stays so, this host hides what was published: keep both checkpoints, and tell the registry's operators")
	}
	return theirs, err
}

// readLog reads all leaves.
func (a *auditor) readLog(ctx context.Context) error {
	l, err := OpenLog(ctx, a.o.Snapshot, a.o.Metadata)
	if err != nil || l == nil {
		return err
	}
	size := l.Checkpoint.Size
	if size > maxLeaves || size > math.MaxInt {
		return fault.New(fault.Usage, "log-too-long", "the log has %d leaves, and an audit reads at most %d", size, maxLeaves)
	}
	a.report.Checkpoint = l.Checkpoint.Root.String()
	a.leaves, a.seen = make([]translog.Hash, size), make([]atomic.Bool, size)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(tilesAtOnce)
	files := storage{ctx, l.snapshot, &paths{}}
	log := translog.Open(files, l.Checkpoint)
	for n := range (size + tileLeaves - 1) / tileLeaves {
		group.Go(func() error {
			leaves, err := log.Entries(n)
			for i, leaf := range leaves {
				a.leaves[n*tileLeaves+int64(i)] = translog.HashLeaf(leaf)
			}
			return err
		})
	}
	err = group.Wait()
	if fault.KindOf(err) == fault.Integrity {
		l.snapshot.Forget(files.read.list) // one wrong answer is not to be the answer for ever
	}
	return err
}
