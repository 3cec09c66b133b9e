package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
)

// copying reads a registry for a client, and puts all that is read, and is not in the mirror yet, on the stage. What the
// mirror has with the digest that is expected is not asked for.
type copying struct {
	index.Transport
	tree *tree
	own  bool // files of the mirror count that nothing vouches for, and that never change

	mu      sync.Mutex
	lent    bool                      // files of the mirror, or of the stage of a former run, have been read that nothing vouches for
	needed  map[string]bool           // by path: what the new state of the mirror consists of
	staged  map[string]bool           // of these, what waits on the stage
	differs map[string]index.Expected // by the path of their copy in recent/: files that the source shows in another state
}

func newCopying(t index.Transport, into *tree, own bool) *copying {
	return &copying{Transport: t, tree: into, own: own, needed: map[string]bool{}, staged: map[string]bool{}, differs: map[string]index.Expected{}}
}

// Lenient implements [index.Lenient] as the transport below does.
func (c *copying) Lenient() bool {
	l, ok := c.Transport.(index.Lenient)
	return ok && l.Lenient()
}

// Fetch implements [index.Transport] for files of which nothing is known before.
func (c *copying) Fetch(ctx context.Context, paths []string) (map[string][]byte, error) {
	found := map[string][]byte{}
	var wanted []string
	for _, path := range paths {
		if data := c.known(path); data != nil {
			found[path] = data
		} else {
			wanted = append(wanted, path)
		}
	}
	if len(wanted) == 0 {
		return found, nil
	}
	files, err := c.Transport.Fetch(ctx, wanted)
	if err != nil {
		return nil, err
	}
	for path, data := range files {
		found[path] = data
		if err := c.take(path, data); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// known returns what the mirror or its stage has of a file that never changes, nil for nothing.
func (c *copying) known(path string) []byte {
	if !c.own || !index.IsFixed(path) {
		return nil
	}
	c.mu.Lock()
	known := c.needed[path] // in this run: from the source, or lent before
	c.mu.Unlock()
	data := c.onStage(path)
	if data == nil {
		data = c.tree.read(path)
		c.need(path, data != nil, false)
	}
	if data != nil && !known {
		c.mu.Lock()
		c.lent = true
		c.mu.Unlock()
	}
	return data
}

// take puts what the source has on the stage; of a copy in recent/, the file that it is a copy of.
func (c *copying) take(path string, data []byte) error {
	if !strings.HasPrefix(path, recentDir) {
		return c.stage(path, data)
	}
	c.mu.Lock()
	e, ok := c.differs[path]
	c.mu.Unlock()
	if data, right := cut(e, data); ok && right {
		return c.stage(e.Path, data)
	}
	return nil
}

// FetchExpected implements [index.Expecting].
func (c *copying) FetchExpected(ctx context.Context, expected []index.Expected) (map[string][]byte, error) {
	found := map[string][]byte{}
	var wanted []index.Expected
	for _, e := range expected {
		if data, ok := c.has(e); ok {
			found[e.Path] = data
		} else {
			wanted = append(wanted, e)
		}
	}
	if len(wanted) == 0 {
		return found, nil
	}
	files, err := c.ask(ctx, wanted)
	if err != nil {
		return nil, err
	}
	for _, e := range wanted {
		data, there := files[e.Path]
		part, right := cut(e, data)
		switch {
		case right:
			err = c.stage(e.Path, part)
		default:
			c.mu.Lock()
			c.differs[fmt.Sprintf("%s%x", recentDir, e.SHA256)] = e
			c.mu.Unlock()
		}
		if err != nil {
			return nil, err
		}
		if there {
			found[e.Path] = part
		}
	}
	return found, nil
}

func (c *copying) ask(ctx context.Context, wanted []index.Expected) (map[string][]byte, error) {
	if e, ok := c.Transport.(index.Expecting); ok {
		return e.FetchExpected(ctx, wanted)
	}
	paths := make([]string, len(wanted))
	for i, e := range wanted {
		paths[i] = e.Path
	}
	return c.Transport.Fetch(ctx, paths)
}

// has returns a file of the stage or the mirror that is just what is expected.
func (c *copying) has(e index.Expected) ([]byte, bool) {
	if data, ok := cut(e, c.onStage(e.Path)); ok {
		return data, c.stage(e.Path, data) == nil
	}
	data := c.tree.read(e.Path)
	if int64(len(data)) != e.Length || sha256.Sum256(data) != e.SHA256 {
		return nil, false
	}
	c.need(e.Path, true, false)
	return data, true
}

// cut returns the part of a file that is expected: files of packages only grow.
func cut(e index.Expected, data []byte) ([]byte, bool) {
	if int64(len(data)) < e.Length || data == nil {
		return data, false
	}
	part := data[:e.Length:e.Length]
	if sha256.Sum256(part) != e.SHA256 {
		return data, false
	}
	return part, true
}

func (c *copying) stagePath(path string) string {
	return filepath.Join(c.tree.state("stage"), filepath.FromSlash(path))
}

func (c *copying) onStage(path string) []byte {
	data, err := atomicfile.Read(c.stagePath(path), index.MaxFile)
	if err != nil {
		return nil
	}
	c.need(path, true, true)
	return data
}

// stage keeps a file for the new state of the mirror, unless the mirror has it.
func (c *copying) stage(path string, data []byte) error {
	if bytes.Equal(c.tree.read(path), data) && len(data) > 0 {
		c.need(path, true, false)
		return os.RemoveAll(c.stagePath(path)) // of a run that was cut off, and of another state
	}
	name := c.stagePath(path)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	c.need(path, true, true)
	return atomicfile.WriteCache(name, data)
}

func (c *copying) need(path string, needed, staged bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if needed {
		c.needed[path] = true
		if staged {
			c.staged[path] = true
		} else {
			delete(c.staged, path)
		}
	}
}
