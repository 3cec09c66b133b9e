package main

import (
	"os"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// TestLostKeysAreTold: what still works says so, what does not says what helps, and nothing advises a key that does harm.
func TestLostKeysAreTold(t *testing.T) {
	for _, test := range []struct {
		lost, command string
		code          int
		stderr        []string
	}{
		{"log.key", "build REG", 8, []string{"error[key-missing]", "keys/log.key is missing", "help: restore REG/keys/log.key from your backup"}},
		{"commit.pem", "refresh REG", 8, []string{"error[key-missing]", "keys/commit.pem is missing", "from your backup"}},
		{"targets.pem", "build REG", 0, []string{"warning: no key for targets is in REG/keys", "gal-registry root rotate REG --role targets"}},
		{"targets.pem", "refresh REG", 0, []string{"warning: no key for targets"}},
		{"timestamp.pem", "refresh REG", 8, []string{"error[key-missing]: no key for timestamp", "help: gal-registry root rotate REG --role timestamp"}},
		{"timestamp.pem", "root rotate REG --role snapshot", 8, []string{"gal-registry root rotate REG --role snapshot --role timestamp"}},
		{"timestamp.pem", "root rotate REG --role timestamp", 0, []string{"Published root 2"}},
		{"root.pem", "root rotate REG", 8, []string{"error[key-missing]", "a root is followed by another one only with these keys"}},
		{"root.pem", "root rotate REG --root-key REG/absent", 8, []string{"error[key-not-found]"}},
	} {
		r := sitetest.New(t)
		if err := os.Remove(r.Path("keys", test.lost)); err != nil {
			t.Fatal(err)
		}
		_, stderr, code := call(t, strings.Fields(strings.ReplaceAll(test.command, "REG", r.Path()))...)
		if code != test.code || strings.Contains(stderr, "keygen --") {
			t.Errorf("without %s, %s: exit code %d\n%s", test.lost, test.command, code, stderr)
		}
		for _, want := range test.stderr {
			if want = strings.ReplaceAll(want, "REG", r.Path()); !strings.Contains(stderr, want) {
				t.Errorf("without %s, %s: does not say %q:\n%s", test.lost, test.command, want, stderr)
			}
		}
	}
}
