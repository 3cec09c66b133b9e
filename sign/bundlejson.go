package sign

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxBundleDepth bounds the nesting of what is read of others.
const maxBundleDepth = 16

// bundleMembers are the names that a bundle may have, in the spelling that protobuf's JSON writes.
var bundleMembers = []string{
	"mediaType", "verificationMaterial", "dsseEnvelope", "messageSignature", "publicKey", "hint", "certificate", "x509CertificateChain",
	"tlogEntries", "timestampVerificationData", "payload", "payloadType", "signatures", "sig", "messageDigest", "algorithm",
	"digest", "signature", "logIndex", "logId", "keyId", "kindVersion", "kind", "version", "inclusionProof", "rootHash", "treeSize",
	"hashes", "checkpoint", "envelope", "canonicalizedBody", "rawBytes", "certificates", "rfc3161Timestamps", "signedTimestamp",
}

// checkMembers refuses what encoding/json lets through: members that are there twice, of which it takes the last, and names
// in another letter case. Two readers would see two bundles.
func checkMembers(data []byte) error {
	return walkMembers(data, func(name string) error {
		if !slices.Contains(bundleMembers, name) {
			return fmt.Errorf("a bundle has no member %q", name)
		}
		return nil
	})
}

// checkTwins refuses members that are there twice, also by letter case.
func checkTwins(data []byte) error {
	return walkMembers(data, func(string) error { return nil })
}

// walkMembers calls each with the name of every member at every depth of one JSON value, and refuses twins.
func walkMembers(data []byte, each func(name string) error) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := walkValue(decoder, each, 0); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something stands behind its end")
	}
	return nil
}

func walkValue(d *json.Decoder, each func(string) error, depth int) error {
	if depth > maxBundleDepth {
		return fmt.Errorf("it is nested deeper than %d", maxBundleDepth)
	}
	token, err := d.Token()
	if err != nil {
		return err
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			token, err := d.Token()
			if err != nil {
				return err
			}
			name := token.(string)                           // the decoder lets nothing else stand there
			folded := strings.ToLower(strings.ToUpper(name)) // the long s is an s to encoding/json, as is the Kelvin sign a k
			if seen[folded] {
				return fmt.Errorf("its member %q is there twice", name)
			}
			seen[folded] = true
			if err := each(name); err != nil {
				return err
			}
		}
		if err := walkValue(d, each, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}
