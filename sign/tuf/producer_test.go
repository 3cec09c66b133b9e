package tuf_test

import (
	"io/fs"
	"slices"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

// TestProducerRefuses: what no client would accept is not made.
func TestProducerRefuses(t *testing.T) {
	r := newRepository(t)
	k, o := r.keys, tuf.RootOptions{Now: now}
	roles := func(change func(*tuf.Roles)) tuf.Roles {
		out := k.Roles(2)
		change(&out)
		return out
	}
	stranger := []*sign.PrivateKey{key(t)}
	swap := func(change func(*tuf.Keys)) tuf.Keys {
		out := k
		change(&out)
		return out
	}
	for _, test := range []struct {
		story string
		do    func() error
		want  string
	}{
		{"a role without keys", func() error {
			_, err := tuf.NewRoot(roles(func(r *tuf.Roles) { r.Targets.Keys = nil }), o, k.Root)
			return err
		}, "bad-role"},
		{"a threshold above the keys", func() error {
			_, err := tuf.NewRoot(roles(func(r *tuf.Roles) { r.Root.Threshold = 4 }), o, k.Root)
			return err
		}, "bad-role"},
		{"a key twice", func() error {
			_, err := tuf.NewRoot(roles(func(r *tuf.Roles) { r.Root.Keys[1] = r.Root.Keys[0] }), o, k.Root)
			return err
		}, "bad-role"},
		{"a root key twice is one", func() error {
			_, err := tuf.NewRoot(k.Roles(2), o, []*sign.PrivateKey{k.Root[0], k.Root[0]})
			return err
		}, "key-missing"},
		{"a rotation without the old keys", func() error {
			_, err := tuf.RotateRoot(r.state.Root, keys(t).Roles(2), o, keys(t).Root)
			return err
		}, "key-missing"},
		{"a rotation without the new keys", func() error {
			_, err := tuf.RotateRoot(r.state.Root, keys(t).Roles(2), o, k.Root)
			return err
		}, "key-missing"},
		{"a release without the targets key", func() error {
			_, err := tuf.Release(r.state, nil, swap(func(k *tuf.Keys) { k.Targets = stranger }), tuf.SignOptions{Now: now})
			return err
		}, "key-missing"},
		{"a refresh without the timestamp key", func() error {
			_, err := tuf.Refresh(r.state, swap(func(k *tuf.Keys) { k.Timestamp = nil }), tuf.SignOptions{Now: now})
			return err
		}, "key-missing"},
		{"a release under a root that has expired", func() error {
			_, err := tuf.Release(r.state, nil, k, tuf.SignOptions{Now: now.Add(tuf.RootLife + time.Hour)})
			return err
		}, "root-expired"},
		{"a target with a strange name", func() error {
			_, err := tuf.Release(r.state, map[string]tuf.Target{"a\nb": {}}, k, tuf.SignOptions{Now: now})
			return err
		}, ""},
	} {
		if err := test.do(); err == nil || test.want != "" && !fault.IsCode(err, test.want) {
			t.Errorf("%s: %v, want %s", test.story, err, test.want)
		}
	}
}

// TestReadState: what was written is found again, by what the files say of each other.
func TestReadState(t *testing.T) {
	r := newRepository(t)
	r.release("registry.toml", "second")
	r.rotate(r.keys, tuf.RootOptions{})
	read := func(path string) ([]byte, error) {
		if data, ok := r.files[path]; ok {
			return data, nil
		}
		return nil, fs.ErrNotExist
	}
	s, err := tuf.ReadState(read)
	if err != nil || !sameState(s, r.state) {
		t.Errorf("%v, or another state", err)
	}
	want := []string{tuf.RootPath(2), tuf.TimestampPath, tuf.SnapshotPath(3), tuf.TargetsPath(3)}
	if got := s.Paths(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	delete(r.files, tuf.TargetsPath(3))
	if _, err := tuf.ReadState(read); err != fs.ErrNotExist {
		t.Error(err)
	}
}

// BenchmarkUpdate is a client's way from one state to the next, and BenchmarkUnchanged what a client does when nothing is new.
func BenchmarkUpdate(b *testing.B) {
	r := newRepository(b)
	client := mustUpdate(b, tuf.State{Root: r.state.Root}, r.files, now).State()
	r.release("registry.toml", "second")
	for b.Loop() {
		mustUpdate(b, client, r.files, now)
	}
}

func BenchmarkUnchanged(b *testing.B) {
	r := newRepository(b)
	for b.Loop() {
		mustUpdate(b, r.state, r.files, now)
	}
}
