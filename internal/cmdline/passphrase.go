package cmdline

import (
	"bytes"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// maxPassphrase is the greatest length of a file with a passphrase, in bytes.
const maxPassphrase = 4 << 10

// ReadPassphrase reads the passphrase of a key from a file, without the ends of lines after it.
//
// Errors: fault.Auth "passphrase-unreadable".
func ReadPassphrase(path string) ([]byte, error) {
	data, err := atomicfile.Read(path, maxPassphrase)
	if err != nil {
		return nil, fault.New(fault.Auth, "passphrase-unreadable", "the file of the passphrase cannot be read").Because(err)
	}
	return bytes.TrimRight(data, "\r\n"), nil
}
