//go:build unix

package web

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// A pipe, into which nobody writes, and a device without an end are no certificates, and end the program at once.
func TestClientCertificateIsARegularFile(t *testing.T) {
	good, _ := identity(t, time.Hour)
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	for _, files := range [][2]string{{pipe, good}, {good, pipe}, {"/dev/zero", good}, {good, "/dev/zero"}} {
		_, err := New(Options{Identity: Identity{Origin: "https://registry.example", CertFile: files[0], KeyFile: files[1]}})
		if !fault.IsCode(err, "bad-client-certificate") || !strings.Contains(err.Error(), "is not a regular file") {
			t.Errorf("%v: %v", files, err)
		}
	}
}
