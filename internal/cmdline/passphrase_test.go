package cmdline_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
)

func TestReadPassphrase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passphrase")
	if _, err := cmdline.ReadPassphrase(path); !fault.IsCode(err, "passphrase-unreadable") || fault.KindOf(err) != fault.Auth {
		t.Errorf("no file: %v", err)
	}
	for text, want := range map[string]string{"": "", "secret": "secret", " a b \r\n\n": " a b ", "two\nlines\n": "two\nlines"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := cmdline.ReadPassphrase(path); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("x", 4<<10+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cmdline.ReadPassphrase(path); !fault.IsCode(err, "passphrase-unreadable") {
		t.Errorf("a long file: %v", err)
	}
}
