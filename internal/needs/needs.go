// Package needs is for tests that want a program or a right that not every machine has. On a developer's machine such a
// test is skipped by name; where CI=true the program is installed, and a test that still cannot run fails, because a
// check that is quietly left out is none.
package needs

import (
	"os"
	"os/exec"
	"testing"
)

// Program returns the path of a program; deb is the Debian package that has it.
func Program(t testing.TB, name, deb string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && inCI() {
		if out, installErr := exec.Command("sh", "-c", `apt-get install -y "$0" || { apt-get update && apt-get install -y "$0"; }`, deb).CombinedOutput(); installErr != nil {
			t.Fatalf("%s cannot be installed: %v\n%s", deb, installErr, out)
		}
		path, err = exec.LookPath(name)
	}
	if err != nil {
		Missing(t, "the program %s", name)
	}
	return path
}

// Missing skips a test for what this machine does not have; where CI=true it fails the test.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if inCI() {
		t.Fatalf("this test needs "+format, args...)
	}
	t.Skipf("needs "+format, args...)
}

func inCI() bool { return os.Getenv("CI") == "true" }
