package tuf

import "github.com/geeknik/gal-pkg/sign"

// RotateRootAsBefore is RotateRoot of programs that did not name the root before.
func RotateRootAsBefore(old []byte, roles Roles, o RootOptions, signers []*sign.PrivateKey) ([]byte, error) {
	before, err := ParseRoot(old)
	if err != nil {
		return nil, err
	}
	m, err := rootOf(before.Version+1, "", roles, o)
	if err != nil {
		return nil, err
	}
	if err := signRoot(m, signers, before.Roles.Root, roles.Root); err != nil {
		return nil, err
	}
	return m.ToBytes(false)
}
