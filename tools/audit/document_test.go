package audit_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestMatrixIsTested: docs/security.md has a row for each of 50 attacks, docs/faults.md one for each of 22 faults, and what
// they name exists.
func TestMatrixIsTested(t *testing.T) {
	tests := testsBelow(t, "../..")
	for file, rows := range map[string]int{"security.md": 50, "faults.md": 22} {
		checkMatrix(t, filepath.Join("../../docs", file), rows, tests)
	}
}

func checkMatrix(t *testing.T, file string, rows int, tests []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`^\| (\d+) \| (.*) \| (.*) \| (.*)\|$`)
	seen := 0
	for line := range strings.Lines(string(text)) {
		for _, name := range regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(line, -1) {
			if !slices.Contains(tests, name[1]) {
				t.Errorf("%s does not exist: %s", name[1], line)
			}
		}
		for _, script := range regexp.MustCompile(`[a-z-]+/[a-z0-9/-]+\.txtar`).FindAllString(line, -1) {
			if _, err := os.Stat(filepath.Join("../../cmd/gal-pkg/testdata", script)); err != nil {
				t.Error(err)
			}
		}
		m := row.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		seen++
		if number, err := strconv.Atoi(m[1]); err != nil || number != seen {
			t.Errorf("row %s is the %dth", m[1], seen)
		}
		if (strings.TrimSpace(m[4]) == "") != strings.HasPrefix(m[3], "not reached: ") {
			t.Errorf("row %s has no test and no reason, or both", m[1])
		}
	}
	if seen != rows {
		t.Errorf("%s has %d rows, want %d", file, seen, rows)
	}
}

func testsBelow(t *testing.T, root string) (names []string) {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9]+)\(`)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(source, -1) {
			names = append(names, string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
