package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

// maxTrustFile bounds keys, bundles and trusted roots; what is longer is none.
const maxTrustFile = 1 << 20

// verifiedBundle is the result in JSON.
type verifiedBundle struct {
	Artifact      string `json:"artifact"` // sha256:HEX
	Key           string `json:"key"`      // hint
	PredicateType string `json:"predicate-type,omitempty"`
	Logged        bool   `json:"logged"`
	Log           string `json:"log,omitempty"`
	Index         int64  `json:"index,omitempty"`
}

// verifyBundle verifies one artifact by its bundle and a key: no network, no registry, no clock.
func (c *verifyCmd) verifyBundle(a *app) error {
	key, err := a.readTrustFile(c.Key)
	if err != nil {
		return err
	}
	public, err := sign.ParsePublicKey(string(key))
	if err != nil {
		return err
	}
	bundle, err := a.readTrustFile(c.Bundle)
	if err != nil {
		return err
	}
	var root []byte
	if c.TrustedRoot != "" {
		if root, err = a.readTrustFile(c.TrustedRoot); err != nil {
			return err
		}
	}
	artifact, err := a.digestOf(c.Artifact)
	if err != nil {
		return err
	}
	found, err := sign.VerifyBundle(bundle, public, artifact, root)
	if err != nil {
		return err
	}
	v := verifiedBundle{fmt.Sprintf("sha256:%x", artifact), public.Hint(), found.PredicateType, found.Logged, found.Log, found.Index}
	if found.Logged {
		a.Status("Verified", "%s: signed by key %s, and leaf %d of log %s", v.Artifact, v.Key, v.Index, v.Log)
	} else {
		a.Status("Verified", "%s: signed by key %s", v.Artifact, v.Key)
		a.Warn("whether the signature is in a log was not looked at; --trusted-root FILE asks for it")
	}
	return a.Result("verify", v, nil)
}

// readTrustFile reads a small file that the user names. One that is empty is not nil.
func (a *app) readTrustFile(name string) ([]byte, error) {
	path, err := a.path(name)
	if err != nil {
		return nil, err
	}
	data, err := atomicfile.Read(path, maxTrustFile)
	if err != nil {
		return nil, unreadable(name, err)
	}
	return append([]byte{}, data...), nil
}

// unreadable is the error for a file that the user has named.
func unreadable(name string, err error) error {
	kind := fault.Manifest
	if errors.Is(err, fs.ErrNotExist) {
		kind = fault.NotFound
	}
	return fault.New(kind, "unreadable", "%s cannot be read", name).Because(err)
}

// digestOf returns the sha256 of a file, or the one that is given instead.
func (a *app) digestOf(artifact string) (digest [sha256.Size]byte, err error) {
	if strings.HasPrefix(artifact, "sha256:") {
		d := index.Digest(artifact)
		if err := d.Check(); err != nil {
			return digest, fault.New(fault.Usage, "bad-digest", "%v", err)
		}
		_, err = hex.Decode(digest[:], []byte(d.Hex()))
		return digest, err
	}
	path, err := a.path(artifact)
	if err != nil {
		return digest, err
	}
	f, err := os.Open(path)
	if err != nil {
		return digest, unreadable(artifact, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return digest, unreadable(artifact, err)
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
