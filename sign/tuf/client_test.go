package tuf_test

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

func TestUpdate(t *testing.T) {
	r := newRepository(t)
	first := tuf.State{Root: r.files[tuf.RootPath(1)]}
	c := mustUpdate(t, first, r.files, now)
	if got, ok := c.Target("registry.toml"); !ok || got.Check("registry.toml", []byte("first")) != nil {
		t.Errorf("%v, %v", got, ok)
	}
	if got, _ := c.Target("registry.toml"); got.Check("registry.toml", []byte("other")) == nil {
		t.Error("other bytes are the target")
	}
	if _, ok := c.Target("absent"); ok {
		t.Error("a target that is not there")
	}
	if want := now.Add(tuf.TimestampLife); !c.Expires().Equal(want) {
		t.Errorf("expires %s, want %s", c.Expires(), want)
	}
	if !sameState(c.State(), r.state) {
		t.Error("the client's state is not the registry's")
	}

	// Nothing new: one file answers everything.
	again, err := tuf.Start(c.State(), now)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := again.Timestamp(r.files[tuf.TimestampPath])
	if err != nil || changed || !again.Complete() || again.SnapshotPath() != "" {
		t.Errorf("changed %v, %v, complete %v", changed, err, again.Complete())
	}

	// A refresh alone: the timestamp is new, and nothing else is asked for.
	r.at = now.Add(24 * time.Hour)
	r.apply(tuf.Refresh(r.state, r.keys, tuf.SignOptions{Now: r.at}))
	changed, err = again.Timestamp(r.files[tuf.TimestampPath])
	if err != nil || !changed || !again.Complete() || !sameState(again.State(), r.state) {
		t.Errorf("changed %v, %v, complete %v", changed, err, again.Complete())
	}

	// A release goes through all steps, and the state follows with the last of them.
	before := again.State()
	r.release("registry.toml", "second")
	if _, err := again.Timestamp(r.files[tuf.TimestampPath]); err != nil || again.Complete() || !sameState(again.State(), before) {
		t.Errorf("%v, complete %v, or the state has moved", err, again.Complete())
	}
	if err := proceed(again, r.files); err != nil || !sameState(again.State(), r.state) {
		t.Errorf("%v", err)
	}
}

func TestRefreshSignsWhatIsOld(t *testing.T) {
	r := newRepository(t)
	for _, test := range []struct {
		after time.Duration
		want  int // files
	}{{time.Hour, 1}, {20 * 24 * time.Hour, 1}, {20*24*time.Hour + time.Second, 3}} {
		u, err := tuf.Refresh(r.state, r.keys, tuf.SignOptions{Now: now.Add(test.after)})
		if err != nil || len(u.Files) != test.want {
			t.Errorf("after %s: %d files, %v, want %d", test.after, len(u.Files), err, test.want)
		}
	}
	for after, want := range map[time.Duration]bool{time.Hour: false, 24*time.Hour - time.Second: false, 24 * time.Hour: true, 1000 * time.Hour: true} {
		if got := r.state.IsDue(now.Add(after)); got != want {
			t.Errorf("due after %s: %v", after, got)
		}
	}
}

// TestSameBytes: a release is a function of what goes in.
func TestSameBytes(t *testing.T) {
	r := newRepository(t)
	targets := map[string]tuf.Target{"a": tuf.TargetOf(nil), "b": tuf.TargetOf(nil), "c": tuf.TargetOf(nil)}
	want, err := tuf.Release(r.state, targets, r.keys, tuf.SignOptions{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		got, err := tuf.Release(r.state, targets, r.keys, tuf.SignOptions{Now: now})
		if err != nil || !maps.EqualFunc(got.Files, want.Files, bytes.Equal) {
			t.Fatalf("%v, or other bytes", err)
		}
	}
}

// Attacks on a client that has seen a registry's second state; none of them may move its state.
func TestAttacks(t *testing.T) {
	r := newRepository(t)
	root := tuf.State{Root: r.files[tuf.RootPath(1)]}
	first := r.snapshot()
	r.release("registry.toml", "second")
	second := r.snapshot()
	client := mustUpdate(t, root, second, now).State()
	r.release("registry.toml", "third")
	third := r.snapshot()

	other := newRepository(t)
	// What thieves of one key make: they go on from what is published.
	forge := func(steal func(have, own *tuf.Keys)) map[string][]byte {
		own := keys(t)
		steal(&r.keys, &own)
		fake, err := tuf.NewRoot(own.Roles(2), tuf.RootOptions{Now: now}, own.Root)
		if err != nil {
			t.Fatal(err)
		}
		state := r.state
		state.Root = fake
		u, err := tuf.Release(state, map[string]tuf.Target{"registry.toml": tuf.TargetOf([]byte("evil"))}, own, tuf.SignOptions{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		files := r.snapshot()
		maps.Copy(files, u.Files)
		return files
	}
	with := func(files map[string][]byte, path string, data []byte) map[string][]byte {
		out := maps.Clone(files)
		if data == nil {
			delete(out, path)
		} else {
			out[path] = data
		}
		return out
	}
	for _, test := range []struct {
		story string
		files map[string][]byte
		at    time.Time
		want  string
	}{
		{"an older timestamp is replayed", first, now, "index-rollback"},
		{"everything is shown for ever", second, now.Add(tuf.TimestampLife + tuf.Skew + time.Second), "index-expired"},
		{"the timestamp is refused for its age although it is new", third, now.Add(tuf.TimestampLife + tuf.Skew + time.Second), "index-expired"},
		{"the root has expired", third, now.Add(tuf.RootLife + tuf.Skew + time.Second), "root-expired"},
		{"a timestamp of another registry", other.files, now, "registry-untrusted"},
		{"an older snapshot in place of the new", with(third, tuf.SnapshotPath(3), first[tuf.SnapshotPath(1)]), now, "metadata-mismatch"},
		{"older targets in place of the new", with(third, tuf.TargetsPath(3), first[tuf.TargetsPath(1)]), now, "metadata-mismatch"},
		{"targets with a byte appended", with(third, tuf.TargetsPath(3), append(bytes.Clone(third[tuf.TargetsPath(3)]), '\n')), now, "metadata-mismatch"},
		{"an empty timestamp", with(third, tuf.TimestampPath, []byte{}), now, "metadata-malformed"},
		{"a timestamp of two values", with(third, tuf.TimestampPath, append(bytes.Clone(third[tuf.TimestampPath]), "{}"...)), now, "metadata-malformed"},
		{"a timestamp that is too long", with(third, tuf.TimestampPath, bytes.Repeat([]byte(" "), tuf.MaxTimestamp+1)), now, "metadata-malformed"},
		{"the timestamp key was stolen", forge(func(have, own *tuf.Keys) { own.Timestamp = have.Timestamp }), now, "registry-untrusted"},
		{"the timestamp and snapshot keys were stolen", forge(func(have, own *tuf.Keys) { own.Timestamp, own.Snapshot = have.Timestamp, have.Snapshot }), now, "registry-untrusted"},
		{"the targets key was stolen", forge(func(have, own *tuf.Keys) { own.Targets = have.Targets }), now, "registry-untrusted"},
	} {
		t.Run(test.story, func(t *testing.T) {
			c, err := update(client, test.files, test.at)
			wantCode(t, err, test.want)
			if c != nil && !sameState(c.State(), client) {
				t.Error("the state has moved")
			}
		})
	}
	t.Run("the new snapshot is withheld", func(t *testing.T) {
		c, err := update(client, with(third, tuf.SnapshotPath(3), nil), now)
		if !errors.Is(err, errAbsent) || !sameState(c.State(), client) {
			t.Errorf("%v, or the state has moved", err)
		}
	})
	t.Run("expiry has bounds on both sides", func(t *testing.T) {
		mustUpdate(t, client, third, now.Add(tuf.TimestampLife+tuf.Skew))
	})
}

// TestSnapshotsThatFall: a thief of the timestamp and snapshot keys cannot lead back to former targets.
func TestSnapshotsThatFall(t *testing.T) {
	r := newRepository(t)
	root := tuf.State{Root: r.state.Root}
	old := r.state
	r.release("registry.toml", "second")
	client := mustUpdate(t, root, r.files, now).State()
	// Same targets as at first, under a new snapshot and a new timestamp.
	thief := *r
	thief.files = r.snapshot()
	mixed := tuf.State{Root: r.state.Root, Timestamp: r.state.Timestamp, Snapshot: r.state.Snapshot, Targets: old.Targets}
	u, err := tuf.Refresh(mixed, r.keys, tuf.SignOptions{Now: now.Add(time.Hour)})
	if err == nil {
		t.Fatalf("the producer makes what no client accepts: %v", u)
	}
	// With the versions of the first state the snapshot is one that was seen, and older.
	u, err = tuf.Refresh(tuf.State{Root: r.state.Root, Timestamp: r.state.Timestamp, Snapshot: old.Snapshot, Targets: old.Targets}, r.keys, tuf.SignOptions{Now: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(thief.files, u.Files)
	_, err = update(client, thief.files, now)
	wantCode(t, err, "index-rollback")
	// With a higher snapshot version it is the targets that fall.
	u, err = tuf.Refresh(tuf.State{Root: r.state.Root, Timestamp: r.state.Timestamp, Snapshot: r.state.Snapshot, Targets: old.Targets}, r.keys, tuf.SignOptions{Now: now.Add(21 * 24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(thief.files, u.Files)
	if _, err = update(client, thief.files, now); err == nil {
		t.Error("other targets of a version that was seen are accepted")
	}
	wantCode(t, err, "metadata-mismatch")
}

// TestTwoOfOneVersion: two signed timestamps of one version are two stories.
func TestTwoOfOneVersion(t *testing.T) {
	r := newRepository(t)
	client := mustUpdate(t, tuf.State{Root: r.state.Root}, r.files, now).State()
	before := r.state
	r.release("registry.toml", "one")
	one := mustUpdate(t, client, r.files, now).State()
	r.state = before
	r.release("registry.toml", "two")
	_, err := update(one, r.files, now)
	wantCode(t, err, "metadata-mismatch")
}

func TestRoots(t *testing.T) {
	r := newRepository(t)
	state := tuf.State{Root: r.state.Root}
	client := mustUpdate(t, state, r.files, now).State()
	same := r.keys
	r.rotate(same, tuf.RootOptions{LogSize: 7})
	fresh := keys(t)
	r.rotate(fresh, tuf.RootOptions{LogSize: 9})
	fourth := fresh
	fourth.Targets = []*sign.PrivateKey{key(t)}
	r.rotate(fourth, tuf.RootOptions{})

	c := mustUpdate(t, client, r.files, now)
	if c.RootVersion() != 4 || c.Trusted().LogSize != 9 || !bytes.Equal(c.State().Root, r.files[tuf.RootPath(4)]) {
		t.Errorf("root %d, log %d", c.RootVersion(), c.Trusted().LogSize)
	}
	if !sameState(mustUpdate(t, state, r.files, now).State(), c.State()) {
		t.Error("who begins anew comes to another state")
	}

	resign := func(keep int) []byte { // root 2 with only some of its signatures
		root, err := tuf.RotateRoot(r.files[tuf.RootPath(1)], same.Roles(2), tuf.RootOptions{Now: now, LogSize: 7}, same.Root[:keep])
		if err != nil {
			t.Fatal(err)
		}
		return root
	}
	evil := keys(t)
	selfSigned, err := tuf.NewRoot(evil.Roles(2), tuf.RootOptions{Now: now}, evil.Root)
	if err != nil {
		t.Fatal(err)
	}
	two := resign(2)
	cut := bytes.Replace(two, two[bytes.LastIndex(two, []byte(`,{"keyid"`)):bytes.LastIndex(two, []byte(`],"signed"`))], nil, 1)
	for _, test := range []struct {
		story string
		root  []byte
		want  string
	}{
		{"the root after the next", r.files[tuf.RootPath(3)], "root-invalid"},
		{"the trusted root once more", r.files[tuf.RootPath(1)], "root-invalid"},
		{"a root that only its own keys have signed", selfSigned, "root-invalid"},
		{"one signature of two", cut, "root-invalid"},
		{"a changed byte", bytes.Replace(two, []byte(`"x-gal-log":7`), []byte(`"x-gal-log":8`), 1), "root-invalid"},
		{"null", []byte("null"), "metadata-malformed"},
		{"a role without a key", bytes.Replace(two, []byte(`"keys":{`), []byte(`"keys":{"x":null,`), 1), "metadata-malformed"},
		{"other members", bytes.Replace(two, []byte(`{"signatures"`), []byte(`{"more":1,"signatures"`), 1), "metadata-malformed"},
	} {
		t.Run(test.story, func(t *testing.T) {
			c, err := tuf.Start(client, now)
			if err != nil {
				t.Fatal(err)
			}
			wantCode(t, c.Root(test.root), test.want)
			if !sameState(c.State(), client) || c.RootVersion() != 1 {
				t.Error("the state has moved")
			}
		})
	}
	t.Run("two signatures of three", func(t *testing.T) {
		c, _ := tuf.Start(client, now)
		if err := c.Root(two); err != nil || c.RootVersion() != 2 || c.State().Targets == nil {
			t.Errorf("%v, root %d, or what still holds was dropped", err, c.RootVersion())
		}
	})
	t.Run("a root that is withheld", func(t *testing.T) {
		files := r.snapshot()
		delete(files, tuf.RootPath(3))
		c, err := update(client, files, now)
		wantCode(t, err, "registry-untrusted") // the new timestamp key is in the root that is not shown
		if !bytes.Equal(c.State().Root, files[tuf.RootPath(2)]) {
			t.Error("the root that was shown is not kept")
		}
	})
	t.Run("a timestamp from before the root", func(t *testing.T) {
		r := newRepository(t)
		old := r.files[tuf.TimestampPath]
		r.rotate(r.keys, tuf.RootOptions{})
		files := r.snapshot()
		files[tuf.TimestampPath] = old
		_, err := update(tuf.State{Root: r.state.Root}, files, now)
		wantCode(t, err, "index-rollback")
	})
	t.Run("a root that is named and withheld", func(t *testing.T) {
		r := newRepository(t)
		client := mustUpdate(t, tuf.State{Root: r.state.Root}, r.files, now).State()
		r.rotate(r.keys, tuf.RootOptions{})
		delete(r.files, tuf.RootPath(2))
		_, err := update(client, r.files, now)
		wantCode(t, err, "root-invalid")
	})
	t.Run("an expired root is passed through, not stopped at", func(t *testing.T) {
		r := newRepository(t)
		client := mustUpdate(t, tuf.State{Root: r.state.Root}, r.files, now).State()
		r.at = now.Add(tuf.RootLife + time.Hour)
		r.rotate(keysWithRoot(t, r.keys), tuf.RootOptions{})
		mustUpdate(t, client, r.files, r.at)
	})
}

func keysWithRoot(t *testing.T, k tuf.Keys) tuf.Keys {
	k.Root = keys(t).Root
	return k
}

// TestFastForward: a thief of the timestamp key has signed a version that nobody will ever reach; a root without that key
// lets clients begin again.
func TestFastForward(t *testing.T) {
	r := newRepository(t)
	thief := *r
	thief.files = r.snapshot()
	for range 40 {
		thief.apply(tuf.Refresh(thief.state, thief.keys, tuf.SignOptions{Now: now}))
	}
	client := mustUpdate(t, tuf.State{Root: r.state.Root}, thief.files, now).State()
	r.apply(tuf.Refresh(r.state, r.keys, tuf.SignOptions{Now: now}))
	_, err := update(client, r.files, now)
	wantCode(t, err, "index-rollback")
	next := r.keys
	next.Timestamp = []*sign.PrivateKey{key(t)}
	r.rotate(next, tuf.RootOptions{})
	c := mustUpdate(t, client, r.files, now)
	if !sameState(c.State(), r.state) {
		t.Error("the client does not have the registry's state")
	}
	// A new targets key alone is no reason to forget versions.
	next.Targets = []*sign.PrivateKey{key(t)}
	before := r.snapshot()
	r.rotate(next, tuf.RootOptions{})
	c, err = tuf.Start(c.State(), now)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Root(r.files[tuf.RootPath(3)]); err != nil || c.State().Snapshot == nil || c.State().Targets != nil {
		t.Errorf("%v: %v %v", err, c.State().Snapshot != nil, c.State().Targets != nil)
	}
	_, err = c.Timestamp(before[tuf.TimestampPath])
	wantCode(t, err, "index-rollback")
	if err := proceed(c, r.files); err != nil || !sameState(c.State(), r.state) {
		t.Errorf("%v", err)
	}
}

func TestStart(t *testing.T) {
	r := newRepository(t)
	first := r.state
	r.release("registry.toml", "second")
	state := r.state
	for _, test := range []struct {
		story string
		state tuf.State
	}{
		{"no root", tuf.State{}},
		{"a timestamp of another registry", tuf.State{Root: state.Root, Timestamp: newRepository(t).state.Timestamp}},
		{"files of two states", tuf.State{Root: state.Root, Timestamp: state.Timestamp, Snapshot: first.Snapshot, Targets: first.Targets}},
		{"a file that was cut", tuf.State{Root: state.Root, Timestamp: state.Timestamp[:100]}},
	} {
		if _, err := tuf.Start(test.state, now); err == nil {
			t.Errorf("%s: accepted", test.story)
		} else {
			wantCode(t, err, "registry-untrusted")
		}
	}
	// Who works offline sees what was verified, and when it was to be renewed.
	c, err := tuf.Start(state, now.Add(1000*time.Hour))
	if err != nil || !c.Complete() || !c.Expires().Equal(now.Add(tuf.TimestampLife)) || strings.Join(c.Names(), " ") != "registry.toml" {
		t.Errorf("%v", err)
	}
	_, err = c.Timestamp(state.Timestamp)
	wantCode(t, err, "index-expired")
	if err := c.Snapshot(state.Snapshot); err == nil {
		t.Error("a snapshot that nothing names")
	}
	if err := c.Targets(state.Targets); err == nil {
		t.Error("targets that nothing names")
	}
}

func TestFingerprint(t *testing.T) {
	if got := tuf.Fingerprint(nil); got != "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Error(got)
	}
	if err := tuf.CheckFingerprint([]byte("x"), tuf.Fingerprint([]byte("x"))); err != nil {
		t.Error(err)
	}
	wantCode(t, tuf.CheckFingerprint([]byte("x"), tuf.Fingerprint(nil)), "registry-untrusted")
}
