package tuf_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func key(t testing.TB) *sign.PrivateKey {
	t.Helper()
	k, err := sign.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// keys are one key for each role, and three for root.
func keys(t testing.TB) tuf.Keys {
	return tuf.Keys{
		Root:    []*sign.PrivateKey{key(t), key(t), key(t)},
		Targets: []*sign.PrivateKey{key(t)}, Snapshot: []*sign.PrivateKey{key(t)}, Timestamp: []*sign.PrivateKey{key(t)},
	}
}

// repository is a registry that has published: the files of every state that there ever was, by path.
type repository struct {
	t     testing.TB
	keys  tuf.Keys
	state tuf.State
	files map[string][]byte
	at    time.Time
}

func newRepository(t testing.TB) *repository {
	t.Helper()
	r := &repository{t: t, keys: keys(t), files: map[string][]byte{}, at: now}
	root, err := tuf.NewRoot(r.keys.Roles(2), tuf.RootOptions{Now: now}, r.keys.Root)
	if err != nil {
		t.Fatal(err)
	}
	r.state.Root = root
	r.files[tuf.RootPath(1)] = root
	r.release("registry.toml", "first")
	return r
}

func (r *repository) apply(u *tuf.Update, err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	for path, data := range u.Files {
		r.files[path] = data
	}
	r.state = u.State
}

func (r *repository) release(name, content string) {
	r.t.Helper()
	r.apply(tuf.Release(r.state, map[string]tuf.Target{name: tuf.TargetOf([]byte(content))}, r.keys, tuf.SignOptions{Now: r.at}))
}

// rotate makes the next root, signed by the root keys of before and of now, and signs everything else anew.
func (r *repository) rotate(next tuf.Keys, o tuf.RootOptions) {
	r.t.Helper()
	o.Now = r.at
	root, err := tuf.RotateRoot(r.state.Root, next.Roles(2), o, append(append([]*sign.PrivateKey{}, r.keys.Root...), next.Root...))
	if err != nil {
		r.t.Fatal(err)
	}
	parsed, err := tuf.ParseRoot(root)
	if err != nil {
		r.t.Fatal(err)
	}
	r.files[tuf.RootPath(parsed.Version)] = root
	r.state.Root, r.keys = root, next
	targets, err := tuf.TargetsOf(r.state)
	if err != nil {
		r.t.Fatal(err)
	}
	r.apply(tuf.Release(r.state, targets, r.keys, tuf.SignOptions{Now: r.at}))
}

// snapshot copies what a host shows now.
func (r *repository) snapshot() map[string][]byte {
	files := map[string][]byte{}
	for path, data := range r.files {
		files[path] = bytes.Clone(data)
	}
	return files
}

var errAbsent = errors.New("absent")

// update is the loop of the package comment.
func update(state tuf.State, files map[string][]byte, at time.Time) (*tuf.Client, error) {
	c, err := tuf.Start(state, at)
	if err != nil {
		return nil, err
	}
	return c, proceed(c, files)
}

func proceed(c *tuf.Client, files map[string][]byte) error {
	var err error
	for {
		_, err = c.Timestamp(files[tuf.TimestampPath])
		next, wanted := c.NextRoot()
		if err == nil || !wanted {
			break
		}
		root, found := files[next]
		if !found {
			break
		}
		if err = c.Root(root); err != nil {
			break
		}
	}
	if err != nil {
		return err
	}
	for _, step := range []struct {
		path func() string
		take func([]byte) error
	}{{c.SnapshotPath, c.Snapshot}, {c.TargetsPath, c.Targets}} {
		path := step.path()
		if path == "" {
			continue
		}
		data, ok := files[path]
		if !ok {
			return fmt.Errorf("%s: %w", path, errAbsent)
		}
		if err := step.take(data); err != nil {
			return err
		}
	}
	return nil
}

func mustUpdate(t testing.TB, state tuf.State, files map[string][]byte, at time.Time) *tuf.Client {
	t.Helper()
	c, err := update(state, files, at)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Complete() {
		t.Fatal("the state is not whole")
	}
	return c
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if !fault.IsCode(err, code) || fault.KindOf(err) != fault.Integrity {
		t.Errorf("%v (%v), want %s", err, fault.Of(err), code)
	}
}

func sameState(a, b tuf.State) bool {
	return bytes.Equal(a.Root, b.Root) && bytes.Equal(a.Timestamp, b.Timestamp) && bytes.Equal(a.Snapshot, b.Snapshot) && bytes.Equal(a.Targets, b.Targets)
}
