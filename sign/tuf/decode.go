package tuf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/geeknik/gal-pkg/internal/alphabet"
	"github.com/geeknik/gal-pkg/sign"
)

const (
	maxDepth      = 8
	maxInteger    = 1<<53 - 1
	maxSignatures = 64
	maxKeys       = 32  // of one role
	maxSignature  = 72  // bytes of DER, of P-256
	maxName       = 512 // of a target, in bytes
	logMember     = "x-gal-log"
	beforeMember  = "x-gal-before"
	rootMember    = "x-gal-root"
	specPrefix    = "1.0."
	keyType       = metadata.KeyTypeECDSA_SHA2_P256
	keyScheme     = metadata.KeySchemeECDSA_SHA2_P256
	snapshotEntry = metadata.SNAPSHOT + ".json"
	targetsEntry  = metadata.TARGETS + ".json"
)

// decode reads a metadata file and accepts only the bytes that encode would write. Go's JSON parser alone takes members in
// any case, the last of several, and null for anything, at which go-tuf panics.
func decode[T metadata.Roles](file string, data []byte, limit int, check func(*metadata.Metadata[T]) error) (*metadata.Metadata[T], error) {
	m, err := decodeStrict[T](data, limit)
	if err == nil {
		err = errors.Join(checkSignatures(m.Signatures), check(m))
	}
	if err != nil {
		return nil, malformed(file, "%v", err)
	}
	return m, nil
}

func decodeStrict[T metadata.Roles](data []byte, limit int) (*metadata.Metadata[T], error) {
	if len(data) > limit {
		return nil, fmt.Errorf("it is longer than %d bytes", limit)
	}
	if err := scan(data); err != nil {
		return nil, err
	}
	m, err := new(metadata.Metadata[T]).FromBytes(data)
	if err != nil {
		return nil, err
	}
	again, err := m.ToBytes(false)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, data) {
		return nil, errors.New("its JSON is not in the one form that is written")
	}
	if len(m.UnrecognizedFields) > 0 {
		return nil, errors.New("it has members beside signed and signatures")
	}
	return m, nil
}

// scan goes over the tokens of a JSON text: it bounds the depth, and refuses null and every number that is not a plain
// integer of 0 to 2^53-1.
func scan(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	for depth := 0; ; {
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				depth++
			} else {
				depth--
			}
			if depth > maxDepth {
				return fmt.Errorf("its JSON is deeper than %d", maxDepth)
			}
		case nil:
			return errors.New("it holds null")
		case json.Number:
			if n, err := t.Int64(); err != nil || n < 0 || n > maxInteger {
				return fmt.Errorf("it holds the number %.40q", t.String())
			}
		}
	}
}

func checkSignatures(list []metadata.Signature) error {
	if len(list) > maxSignatures {
		return fmt.Errorf("it has more than %d signatures", maxSignatures)
	}
	seen := map[string]bool{}
	for _, s := range list {
		if len(s.UnrecognizedFields) > 0 || len(s.Signature) > maxSignature || !isKeyID(s.KeyID) {
			return errors.New("one of its signatures is malformed")
		}
		if seen[s.KeyID] {
			return errors.New("it has two signatures of one key")
		}
		seen[s.KeyID] = true
	}
	return nil
}

func isKeyID(id string) bool {
	const hex = alphabet.Digits + "abcdef"
	return alphabet.Is(id, 64, 64, hex, hex)
}

// checkCommon checks what every role has.
func checkCommon(role, gotRole, spec string, version int64, expires time.Time, more map[string]any) error {
	switch {
	case gotRole != role:
		return fmt.Errorf("its role is %.40q, not %s", gotRole, role)
	case !strings.HasPrefix(spec, specPrefix) || len(spec) > 16:
		return fmt.Errorf("it follows version %.40q of TUF", spec)
	case version < 1:
		return fmt.Errorf("its version is %d", version)
	case !expires.Equal(expires.Truncate(time.Second)) || expires.Location() != time.UTC:
		return errors.New("its time is not in whole seconds of UTC")
	}
	for name := range more {
		if !strings.HasPrefix(name, "x-") {
			return fmt.Errorf("it has the unknown member %.40q", name)
		}
	}
	return nil
}

// integer reads a member that go-tuf does not know; -1 where there is none.
func integer(more map[string]any, name string) int64 {
	n, ok := more[name].(float64) // exact: scan refuses what a float64 does not hold
	if !ok || n != float64(int64(n)) {
		return -1
	}
	return int64(n)
}

func decodeTimestamp(data []byte) (*metadata.Metadata[metadata.TimestampType], error) {
	return decode(TimestampPath, data, MaxTimestamp, func(m *metadata.Metadata[metadata.TimestampType]) error {
		s := &m.Signed
		if integer(s.UnrecognizedFields, rootMember) < 1 {
			return errors.New("it does not name a root")
		}
		return errors.Join(checkCommon(metadata.TIMESTAMP, s.Type, s.SpecVersion, s.Version, s.Expires, s.UnrecognizedFields), checkMeta(s.Meta, snapshotEntry, MaxSnapshot))
	})
}

func decodeSnapshot(data []byte) (*metadata.Metadata[metadata.SnapshotType], error) {
	return decode("snapshot", data, MaxSnapshot, func(m *metadata.Metadata[metadata.SnapshotType]) error {
		s := &m.Signed
		return errors.Join(checkCommon(metadata.SNAPSHOT, s.Type, s.SpecVersion, s.Version, s.Expires, s.UnrecognizedFields), checkMeta(s.Meta, targetsEntry, MaxTargets))
	})
}

// checkMeta holds that one file is named, with everything that tells it from others: TUF leaves length and hashes free.
func checkMeta(meta map[string]*metadata.MetaFiles, name string, limit int64) error {
	f := meta[name]
	if len(meta) != 1 || f == nil {
		return fmt.Errorf("it does not name %s, and nothing else", name)
	}
	if f.Version < 1 || f.Length < 1 || f.Length > limit || !isSHA256(f.Hashes) || len(f.UnrecognizedFields) > 0 {
		return fmt.Errorf("it does not say version, length and sha256 of %s", name)
	}
	return nil
}

func isSHA256(h metadata.Hashes) bool { return len(h) == 1 && len(h["sha256"]) == 32 }

func decodeTargets(data []byte) (*metadata.Metadata[metadata.TargetsType], error) {
	return decode("targets", data, MaxTargets, func(m *metadata.Metadata[metadata.TargetsType]) error {
		s := &m.Signed
		if s.Delegations != nil {
			return errors.New("it delegates")
		}
		for name, t := range s.Targets {
			if err := checkName(name); err != nil {
				return err
			}
			if t.Length < 0 || !isSHA256(t.Hashes) || t.Custom != nil || len(t.UnrecognizedFields) > 0 {
				return fmt.Errorf("it does not say length and sha256 of %q, and nothing else", name)
			}
		}
		return checkCommon(metadata.TARGETS, s.Type, s.SpecVersion, s.Version, s.Expires, s.UnrecognizedFields)
	})
}

func checkName(name string) error {
	const letters = alphabet.Lower + alphabet.Upper + alphabet.Digits
	if !alphabet.Is(name, 1, maxName, letters, letters+"._/+~-") {
		return fmt.Errorf("a target has the name %.80q", name)
	}
	return nil
}

// publicKey reads a key of a root: P-256, in the one form in which it is written.
func publicKey(id string, k *metadata.Key) (sign.PublicKey, error) {
	if k.Type != keyType || k.Scheme != keyScheme || len(k.UnrecognizedFields) > 0 || len(k.Value.UnrecognizedFields) > 0 {
		return sign.PublicKey{}, fmt.Errorf("key %s is not an %s key", id, keyScheme)
	}
	public, err := sign.ParsePublicKey(k.Value.PublicKey)
	if err != nil {
		return sign.PublicKey{}, fmt.Errorf("key %s: %w", id, err)
	}
	if string(public.PEM()) != k.Value.PublicKey {
		return sign.PublicKey{}, fmt.Errorf("key %s is not written as others are", id)
	}
	if want, err := k.ID(); err != nil || want != id {
		return sign.PublicKey{}, fmt.Errorf("key %s has another id", id)
	}
	return public, nil
}
