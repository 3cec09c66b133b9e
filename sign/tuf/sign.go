package tuf

import (
	"crypto"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

// Keys are private halves of the keys of the roles, as far as they are at hand.
type Keys struct {
	Root, Targets, Snapshot, Timestamp []*sign.PrivateKey
}

// Roles returns the roles that these keys fill; the thresholds are that of the root, and 1 for the others.
func (k Keys) Roles(rootThreshold int) Roles {
	role := func(keys []*sign.PrivateKey, threshold int) Role {
		r := Role{Threshold: threshold}
		for _, key := range keys {
			r.Keys = append(r.Keys, key.Public())
		}
		return r
	}
	return Roles{Root: role(k.Root, rootThreshold), Targets: role(k.Targets, 1), Snapshot: role(k.Snapshot, 1), Timestamp: role(k.Timestamp, 1)}
}

// signer signs for go-tuf. Its signatures are a function of key and content (RFC 6979): the same build gives the same bytes.
type signer struct{ key *sign.PrivateKey }

func (s signer) SignMessage(message io.Reader, _ ...signature.SignOption) ([]byte, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, message); err != nil {
		return nil, err
	}
	return s.key.Signer().Sign(nil, hash.Sum(nil), crypto.SHA256)
}

func (s signer) PublicKey(...signature.PublicKeyOption) (crypto.PublicKey, error) {
	return s.key.Signer().Public(), nil
}

// signFor signs with every key at hand that a role names.
func signFor[T metadata.Roles](m *metadata.Metadata[T], name string, role Role, keys []*sign.PrivateKey) error {
	had := map[sign.PublicKey]bool{}
	for _, k := range keys {
		if had[k.Public()] || !slices.Contains(role.Keys, k.Public()) {
			continue
		}
		had[k.Public()] = true
		if _, err := m.Sign(signer{k}); err != nil {
			return fmt.Errorf("signing the %s metadata: %w", name, err)
		}
	}
	if len(had) < role.Threshold {
		return fault.New(fault.Auth, "key-missing", "the role %s needs %d of its keys, and %d are here", name, role.Threshold, len(had))
	}
	sortSignatures(m.Signatures)
	return nil
}

// signRoot signs a root so that each of the roles, that of before and its own, is satisfied.
func signRoot(m *metadata.Metadata[metadata.RootType], keys []*sign.PrivateKey, roles ...Role) error {
	either := Role{}
	for _, role := range roles {
		count := 0
		for i, k := range keys {
			public := k.Public()
			first := !slices.ContainsFunc(keys[:i], func(other *sign.PrivateKey) bool { return other.Public() == public })
			if first && slices.Contains(role.Keys, public) {
				count++
			}
		}
		if count < role.Threshold {
			return fault.New(fault.Auth, "key-missing", "the role root needs %d of its keys, and %d are here", role.Threshold, count)
		}
		either.Keys = append(either.Keys, role.Keys...)
	}
	return signFor(m, metadata.ROOT, either, keys)
}

func sortSignatures(list []metadata.Signature) {
	slices.SortFunc(list, func(a, b metadata.Signature) int { return strings.Compare(a.KeyID, b.KeyID) })
}
