package remote_test

import (
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// TestRequireSignatures: what is required later holds for registries that are open already, and nobody loosens it.
func TestRequireSignatures(t *testing.T) {
	m := newMirrored(t)
	off := index.Trust{Signatures: index.SignaturesOff}
	set := remote.New(remote.Options{
		Specs:   map[string]remote.Spec{"r": {Name: "r", URL: m.host, Trust: off, Retries: -1}, "folder": {Name: "folder", URL: m.folder, Trust: off}},
		Default: "r", CacheDir: t.TempDir(), StateDir: t.TempDir(), Now: sitetest.Now,
	})
	defer set.Close(t.Context())
	before, err := set.Open(t.Context(), "r")
	if err != nil || before.Verifies() {
		t.Fatalf("%v", err)
	}
	proof := index.DigestOf([]byte("anything"))
	if before.Prove(proof); before.Proved(proof) {
		t.Error("what is not verified is remembered as proved")
	}
	set.RequireSignatures("gal.toml:3")
	set.RequireSignatures("")
	for _, name := range []string{"r", "folder"} {
		r, err := set.Open(t.Context(), name)
		if err != nil || !r.Verifies() {
			t.Fatalf("%s: %v", name, err)
		}
	}
	byID, err := set.ByID(t.Context(), sitetest.ID)
	if err != nil || !byID.Verifies() {
		t.Errorf("by its id: %v", err)
	}
	// Whoever holds the one from before can still read.
	if _, _, err := before.Snapshot.Verify(t.Context(), []index.Want{{Name: "mailbox", Version: version.MustParse("1.0.0")}}); err != nil {
		t.Error(err)
	}
	if _, err := set.Open(t.Context(), m.empty); fault.KindOf(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
}

// TestTrustDigest: every change of how far a registry is trusted is another digest.
func TestTrustDigest(t *testing.T) {
	digest := func(specs ...remote.Spec) string {
		o := remote.Options{Specs: map[string]remote.Spec{}}
		for _, s := range specs {
			o.Specs[s.Name] = s
		}
		return remote.New(o).TrustDigest()
	}
	base := remote.Spec{Name: "a", URL: "https://a.example"}
	seen := map[string]bool{digest(base): true}
	for _, change := range []func(*remote.Spec){
		func(s *remote.Spec) { s.URL += "/x" },
		func(s *remote.Spec) { s.ID = "a.example" },
		func(s *remote.Spec) { s.Root = "sha256:00" },
		func(s *remote.Spec) { s.Trust.Signatures = index.SignaturesWarn },
		func(s *remote.Spec) { s.Trust.Keys = []string{"a"} },
		func(s *remote.Spec) { s.Trust.Keys = []string{"a", "b"} },
		func(s *remote.Spec) { s.Trust.Publishers = []string{"a"} },
	} {
		other := base
		change(&other)
		if d := digest(other); seen[d] {
			t.Errorf("%+v has the digest of another", other)
		} else {
			seen[d] = true
		}
	}
	if digest(base) == digest(base, remote.Spec{Name: "b"}) {
		t.Error("another registry is not seen")
	}
}
