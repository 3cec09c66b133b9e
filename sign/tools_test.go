package sign_test

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/needs"
	"github.com/geeknik/gal-pkg/sign"
)

// tool returns the path of a program. cosign is built for minutes, so only `make interop` brings it.
func tool(t *testing.T, name string) string {
	t.Helper()
	switch name {
	case "cosign":
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skip("cosign is not installed; make interop brings it")
		}
		return path
	case "ssh-keygen":
		return needs.Program(t, name, "openssh-client")
	}
	return needs.Program(t, name, name)
}

// run runs a program in dir and returns its output, stdout and stderr together.
func run(t *testing.T, dir string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	// No configuration of whoever runs the tests takes part.
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "HOME="+dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestOpenSSLAgrees(t *testing.T) {
	openssl, dir, key := tool(t, "openssl"), t.TempDir(), keyOf(t, "openssl")
	path := filepath.Join(dir, "key")
	if err := sign.WriteKeyFile(path, key, nil); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, dir, openssl, "pkey", "-in", path, "-check", "-pubout")
	if err != nil || !strings.Contains(out, strings.TrimSpace(string(key.Public().PEM()))) {
		t.Errorf("openssl reads the private key as %s, %v", out, err)
	}
	signature, err := key.Sign(rand.Reader, vectorClaim())
	if err != nil {
		t.Fatal(err)
	}
	der, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"pae": vectorClaim().PAE(), "sig": der, "other": append(vectorClaim().PAE(), ' ')} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	verify := []string{"dgst", "-sha256", "-verify", path + ".pub", "-signature", "sig"}
	if out, err := run(t, dir, openssl, append(verify, "pae")...); err != nil {
		t.Errorf("openssl refuses our signature: %s", out)
	}
	if out, err := run(t, dir, openssl, append(verify, "other")...); err == nil {
		t.Errorf("openssl accepts it over other bytes: %s", out)
	}
}

func TestOpenSSLKeyIsRead(t *testing.T) {
	openssl, dir := tool(t, "openssl"), t.TempDir()
	for curve, code := range map[string]string{"P-256": "", "P-384": "key-invalid", "secp256k1": "key-invalid"} {
		path := filepath.Join(dir, curve)
		out, err := run(t, dir, openssl, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:"+curve, "-out", path)
		if err != nil {
			t.Fatalf("%s: %s", curve, out)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = sign.LoadKeyFile(path, nil)
		if code == "" && err != nil || code != "" && !fault.IsCode(err, code) {
			t.Errorf("%s: %v", curve, err)
		}
	}
}
