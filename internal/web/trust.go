package web

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"runtime"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// authorities is nil, the system's, where there is no file.
func authorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, badAuthorities("file", path, err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, badAuthorities("file", path, errNoAuthority)
	}
	return pool, nil
}

var errNoAuthority = errors.New("there is no certificate in it, as PEM")

func badAuthorities(what, path string, err error) *fault.Error {
	return fault.New(fault.Manifest, "bad-ca-file", "the %s of certificate authorities %q cannot be used", what, path).Because(err)
}

// checkAuthorities looks at what the user has the system's authorities be, by SSL_CERT_FILE, or else SSL_CERT_DIR: the
// standard library takes what it can read of them, says nothing of the rest, and then trusts nobody. What is no regular
// file, such as a pipe, can be read once, and is left to it. On Windows and Apple's systems it looks at neither.
//
// Errors: fault.Manifest "bad-ca-file".
func checkAuthorities(getenv func(string) string) error {
	switch runtime.GOOS {
	case "windows", "darwin", "ios":
		return nil
	}
	if file := getenv("SSL_CERT_FILE"); file != "" {
		if err := hasAuthority(file); err != nil {
			return badAuthorities("file", file, err).WithHelp("export SSL_CERT_FILE=FILE    # or unset SSL_CERT_FILE")
		}
		return nil
	}
	dirs := getenv("SSL_CERT_DIR")
	if dirs == "" {
		return nil
	}
	why := error(nil)
	for _, dir := range filepath.SplitList(dirs) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			why = err
		}
		for _, e := range entries {
			if hasAuthority(filepath.Join(dir, e.Name())) == nil {
				return nil
			}
		}
	}
	if why == nil {
		why = errNoAuthority
	}
	return badAuthorities("folder", dirs, why).WithHelp("export SSL_CERT_DIR=FOLDER    # or unset SSL_CERT_DIR")
}

// hasAuthority looks for the first certificate of a file.
func hasAuthority(file string) error {
	info, err := os.Stat(file)
	if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for {
		at := bytes.Index(text, []byte("-----BEGIN CERTIFICATE-----"))
		if at < 0 {
			return errNoAuthority
		}
		var block *pem.Block
		if block, text = pem.Decode(text[at:]); block == nil {
			return errNoAuthority
		}
		if _, err := x509.ParseCertificate(block.Bytes); err == nil {
			return nil
		}
	}
}
