package index

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
)

// Transport reads files of one published tree. The same tree over different transports gives the same bytes at the same
// paths; indextest holds every implementation against that.
type Transport interface {
	// Refresh brings the transport up to the newest state of its host. Without it, Fetch may answer from what is known.
	Refresh(ctx context.Context) error

	// Fetch returns the bytes of the named files. A file that the tree does not have is not in the map; every other
	// failure is an error. Callers name all the files of a round at once, so that a transport can ask for all in one
	// request. It is for use by several goroutines at once.
	Fetch(ctx context.Context, paths []string) (map[string][]byte, error)

	// Close releases what the transport holds.
	Close() error
}

// Dir reads a tree that lies in a folder: a mounted mirror, an unpacked bundle, a registry on the same machine.
type Dir struct{ root *os.Root }

// OpenDir opens the tree in a folder. Nothing outside of the folder is ever read, whatever links lead there.
func OpenDir(dir string) (*Dir, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Dir{root}, nil
}

// Lenient implements [Lenient]: a folder is as current as whoever filled it made it.
func (d *Dir) Lenient() bool { return true }

// Refresh does nothing: every Fetch reads what is there.
func (d *Dir) Refresh(context.Context) error { return nil }

// Fetch reads the files, a few at a time.
func (d *Dir) Fetch(ctx context.Context, paths []string) (map[string][]byte, error) {
	return fetchEach(ctx, paths, 8, func(_ context.Context, path string) ([]byte, error) { return d.read(path) })
}

func (d *Dir) read(path string) ([]byte, error) {
	f, err := d.root.Open(filepath.FromSlash(path))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, ErrNotFound // as on every host that serves files
	}
	return atomicfile.ReadFrom(f, MaxFile)
}

// Close closes the folder.
func (d *Dir) Close() error { return d.root.Close() }

// fetchEach reads every path with at most limit reads at once. ErrNotFound leaves a path out; any other error ends the
// whole, and of several it is the one of the first path.
func fetchEach(ctx context.Context, paths []string, limit int, read func(context.Context, string) ([]byte, error)) (map[string][]byte, error) {
	for _, path := range paths {
		if err := CheckPath(path); err != nil {
			return nil, err
		}
	}
	r := &reads{first: len(paths), cancel: map[int]context.CancelFunc{}}
	files := make(map[string][]byte, len(paths))
	var mu sync.Mutex
	var workers sync.WaitGroup
	queue := make(chan int)
	for range min(limit, len(paths)) {
		workers.Go(func() {
			for i := range queue {
				data, ok := r.do(ctx, i, func(ctx context.Context) ([]byte, error) { return read(ctx, paths[i]) })
				if ok {
					mu.Lock()
					files[paths[i]] = data
					mu.Unlock()
				}
			}
		})
	}
	for i := range paths {
		queue <- i
	}
	close(queue)
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return files, r.err
}

// reads are reads in an order. After one has failed, those behind it are given up, and those before it go on: one of them
// may be the first to fail.
type reads struct {
	mu     sync.Mutex
	first  int // that has failed
	err    error
	cancel map[int]context.CancelFunc // of those under way
}

// do reads, unless an earlier one has failed; false means that there is nothing.
func (r *reads) do(ctx context.Context, i int, read func(context.Context) ([]byte, error)) ([]byte, bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !r.begin(i, cancel) {
		return nil, false
	}
	data, err := read(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.cancel, i)
	if err != nil && !errors.Is(err, ErrNotFound) && i < r.first {
		r.first, r.err = i, err
		for later, cancel := range r.cancel {
			if later > i {
				cancel()
			}
		}
	}
	return data, err == nil
}

func (r *reads) begin(i int, cancel context.CancelFunc) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i > r.first {
		return false
	}
	r.cancel[i] = cancel
	return true
}
