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

// checkAuthorities says that a host is known to nobody because of what the user has the system's authorities be: the standard
// library takes what it can read of SSL_CERT_FILE and SSL_CERT_DIR, each in place of its own list of files or folders, and
// says nothing of the rest. Only where that was not enough is it asked, for the rest may have done. What is no regular file,
// such as a pipe, can be read once, and is left to it. On Windows and Apple's systems it looks at neither.
//
// Errors: fault.Manifest "bad-ca-file", nil where err is another, or both can be used.
func checkAuthorities(err error, getenv func(string) string) *fault.Error {
	if !errors.As(err, new(x509.UnknownAuthorityError)) && !errors.As(err, new(x509.SystemRootsError)) {
		return nil
	}
	switch runtime.GOOS {
	case "windows", "darwin", "ios":
		return nil
	}
	if file := getenv("SSL_CERT_FILE"); file != "" {
		if err := hasAuthority(file); err != nil {
			return badAuthorities("file", file, err).WithHelp("export SSL_CERT_FILE=FILE    # or unset SSL_CERT_FILE")
		}
	}
	if dirs := getenv("SSL_CERT_DIR"); dirs != "" {
		if err := haveAuthority(filepath.SplitList(dirs)); err != nil {
			return badAuthorities("folder", dirs, err).WithHelp("export SSL_CERT_DIR=FOLDER    # or unset SSL_CERT_DIR")
		}
	}
	return nil
}

// haveAuthority looks for a certificate in the files of folders.
func haveAuthority(dirs []string) error {
	why := errNoAuthority
	for _, dir := range dirs {
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
	return why
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
