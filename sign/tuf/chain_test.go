package tuf_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

// TestChain: whoever trusts one root knows those before it, and nobody can put others in their place.
func TestChain(t *testing.T) {
	r := newRepository(t)
	for size := range int64(3) {
		r.rotate(keys(t), tuf.RootOptions{LogSize: 10 * (size + 1)})
	}
	older := func(change func(version int64, data []byte) []byte) func(int64) []byte {
		return func(version int64) []byte { return change(version, r.files[tuf.RootPath(version)]) }
	}
	as := func(_ int64, data []byte) []byte { return data }
	fourth := r.files[tuf.RootPath(4)]
	chain, err := tuf.Chain(fourth, tuf.Fingerprint(fourth), older(as))
	if err != nil || len(chain) != 4 {
		t.Fatalf("%d roots, %v", len(chain), err)
	}
	for i, root := range chain {
		if want := tuf.Fingerprint(r.files[tuf.RootPath(int64(i)+1)]); root.Fingerprint != want || root.LogSize != 10*int64(i) {
			t.Errorf("root %d is %s at %d", i+1, root.Fingerprint, root.LogSize)
		}
	}
	// A second root that anybody can make: its own keys sign it, and one of them has signed the third too.
	evil := keys(t)
	evil.Root = append(evil.Root, r.keys.Root...)
	forged, err := tuf.NewRoot(evil.Roles(1), tuf.RootOptions{Now: now}, evil.Root)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		story  string
		change func(int64, []byte) []byte
		code   string
	}{
		{"another root in its place", func(v int64, data []byte) []byte {
			if v == 2 {
				return forged
			}
			return data
		}, "metadata-mismatch"},
		{"one is missing", func(v int64, data []byte) []byte {
			if v == 2 {
				return nil
			}
			return data
		}, "metadata-mismatch"},
	} {
		if _, err := tuf.Chain(fourth, "", older(row.change)); !fault.IsCode(err, row.code) {
			t.Errorf("%s: %v", row.story, err)
		}
	}
}

// TestChainOfOldRoots: roots that do not say which one was before them are proved from the one that was trusted first, and
// only from there.
func TestChainOfOldRoots(t *testing.T) {
	k := keys(t)
	files := map[int64][]byte{}
	var err error
	if files[1], err = tuf.NewRoot(k.Roles(2), tuf.RootOptions{Now: now}, k.Root); err != nil {
		t.Fatal(err)
	}
	for v := int64(2); v <= 3; v++ {
		files[v] = withoutBefore(t, files[v-1], k)
	}
	if files[4], err = tuf.RotateRoot(files[3], k.Roles(2), tuf.RootOptions{Now: now}, k.Root); err != nil {
		t.Fatal(err)
	}
	older := func(v int64) []byte { return files[v] }
	for _, row := range []struct {
		first int64 // that was trusted first
		want  string
	}{{1, "1 2 3 4"}, {2, "2 3 4"}, {3, "3 4"}, {4, "3 4"}} {
		chain, err := tuf.Chain(files[4], tuf.Fingerprint(files[row.first]), older)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, root := range chain {
			got += fmt.Sprint(" ", root.Version)
		}
		if got != " "+row.want {
			t.Errorf("from %d: roots%s, want %s", row.first, got, row.want)
		}
	}
}

// withoutBefore makes the root that follows one as older programs did.
func withoutBefore(t *testing.T, old []byte, k tuf.Keys) []byte {
	t.Helper()
	data, err := tuf.RotateRootAsBefore(old, k.Roles(2), tuf.RootOptions{Now: now}, k.Root)
	if err != nil || bytes.Contains(data, []byte("x-gal-before")) {
		t.Fatal(err)
	}
	return data
}
