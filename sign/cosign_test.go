package sign_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/sign"
)

// The acceptance test of keys, bundles and trusted roots, where cosign is installed.
func TestCosignAgrees(t *testing.T) {
	cosign, dir := tool(t, "cosign"), t.TempDir()
	t.Setenv("COSIGN_PASSWORD", "open sesame")
	archive := []byte("an archive\n")
	claim := vectorClaim()
	claim.ArchiveDigest = hexDigest(archive)
	l := newLogged(t, claim)
	bundle, err := sign.Bundle(l.claim, l.key.Public(), l.signature, l.entry)
	if err != nil {
		t.Fatal(err)
	}
	unlogged, err := sign.Bundle(l.claim, l.key.Public(), l.signature, nil)
	if err != nil {
		t.Fatal(err)
	}
	altered := bytes.Replace(bundle, []byte(`"logIndex":"2"`), []byte(`"logIndex":"3"`), 2)
	for name, data := range map[string][]byte{
		"archive": archive, "other": []byte("another archive\n"), "bundle": bundle, "unlogged": unlogged, "altered": altered, "root": l.root,
		"stranger": newLogged(t, claim).root, "key.pub": l.key.Public().PEM(), "other.pub": keyOf(t, "other").Public().PEM(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		key, bundle, root, predicate, archive string
		good                                  bool
	}{
		{"key.pub", "bundle", "root", claim.PredicateType(), "archive", true},
		{"key.pub", "bundle", "root", claim.PredicateType(), "other", false},
		{"other.pub", "bundle", "root", claim.PredicateType(), "archive", false},
		{"key.pub", "bundle", "stranger", claim.PredicateType(), "archive", false},
		{"key.pub", "altered", "root", claim.PredicateType(), "archive", false},
		{"key.pub", "unlogged", "root", claim.PredicateType(), "archive", false},
		{"key.pub", "bundle", "root", "https://gal-lang.org/attestation/yank/v1", "archive", false},
	} {
		out, err := run(t, dir, cosign, "verify-blob-attestation", "--key", row.key, "--bundle", row.bundle,
			"--trusted-root", row.root, "--type", row.predicate, row.archive)
		if (err == nil) != row.good {
			t.Errorf("%+v: %v, %s", row, err, out)
		}
	}
	if out, err := run(t, dir, cosign, "verify-blob", "--key", "key.pub", "--bundle", "bundle", "--trusted-root", "root", "archive"); err != nil {
		t.Errorf("verify-blob: %v, %s", err, out)
	}
}

func TestCosignReadsOurKeys(t *testing.T) {
	cosign, dir, key := tool(t, "cosign"), t.TempDir(), keyOf(t, "cosign")
	t.Setenv("COSIGN_PASSWORD", "open sesame")
	if err := sign.WriteKeyFile(filepath.Join(dir, "key"), key, []byte("open sesame")); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, dir, cosign, "public-key", "--key", "key")
	if err != nil || !strings.Contains(out, string(key.Public().PEM())) {
		t.Errorf("cosign reads our key as %s, %v", out, err)
	}
	if out, err := run(t, dir, cosign, "generate-key-pair"); err != nil {
		t.Fatalf("%v, %s", err, out)
	}
	theirs, err := sign.LoadKeyFile(filepath.Join(dir, "cosign.key"), passphrase("open sesame"))
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(filepath.Join(dir, "cosign.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(public, theirs.Public().PEM()) {
		t.Errorf("we read the public half of cosign's key as %s, it is %s", theirs.Public().PEM(), public)
	}
}
