package tuf_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/sign/tuf"
)

// FuzzUpdate puts one changed file among those that a host shows. Whatever the client then takes over was signed: the
// test counts the signatures by itself, with nothing of go-tuf.
func FuzzUpdate(f *testing.F) {
	r := newRepository(f)
	client := mustUpdate(f, tuf.State{Root: r.state.Root}, r.files, now).State()
	r.rotate(r.keys, tuf.RootOptions{LogSize: 3})
	files := r.snapshot()
	whole := mustUpdate(f, client, files, now).State()
	paths := slices.Sorted(maps.Keys(files))
	for i, path := range paths {
		f.Add(uint8(i), uint16(0), uint16(0), files[path])
		f.Add(uint8(i), uint16(1), uint16(1), []byte("}"))
		f.Add(uint8(i), uint16(bytes.Index(files[path], []byte(`"version":`))+10), uint16(1), []byte("9"))
		f.Add(uint8(i), uint16(bytes.Index(files[path], []byte(`"signed"`))+10), uint16(0), []byte(`"X":null,`))
	}
	f.Fuzz(func(t *testing.T, which uint8, at, cut uint16, put []byte) {
		path := paths[int(which)%len(paths)]
		data := files[path]
		from := min(int(at), len(data))
		to := min(from+int(cut), len(data))
		shown := maps.Clone(files)
		shown[path] = slices.Concat(data[:from], put, data[to:])
		c, err := update(client, shown, now)
		if err != nil {
			// What still changed is a root that was shown whole.
			got := c.State()
			if !sameState(got, client) && !bytes.Equal(got.Root, whole.Root) {
				t.Fatalf("after %v the state has moved", err)
			}
			return
		}
		got := c.State()
		for _, part := range [][]byte{got.Root, got.Timestamp, got.Snapshot, got.Targets} {
			if err := signedByThreshold(client.Root, part); err != nil {
				t.Fatalf("%v:\n%s", err, part)
			}
		}
		if again, err := tuf.Start(got, now); err != nil || !sameState(again.State(), got) {
			t.Fatalf("the state cannot be begun with: %v", err)
		}
	})
}

// signedByThreshold verifies a file under the keys of a root, from nothing but the text of both.
func signedByThreshold(root, data []byte) error {
	var r struct {
		Signed struct {
			Keys  map[string]struct{ Keyval struct{ Public string } }
			Roles map[string]struct {
				Keyids    []string
				Threshold int
			}
		}
	}
	var m struct {
		Signatures []struct{ Keyid, Sig string }
		Signed     json.RawMessage
	}
	var signed any
	d := json.NewDecoder(bytes.NewReader(data))
	if err := json.Unmarshal(root, &r); err != nil {
		return err
	}
	if err := d.Decode(&m); err != nil {
		return err
	}
	d = json.NewDecoder(bytes.NewReader(m.Signed))
	d.UseNumber()
	if err := d.Decode(&signed); err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(canonical(signed)))
	role := r.Signed.Roles[signed.(map[string]any)["_type"].(string)]
	good := map[string]bool{}
	for _, s := range m.Signatures {
		block, _ := pem.Decode([]byte(r.Signed.Keys[s.Keyid].Keyval.Public))
		if block == nil || !slices.Contains(role.Keyids, s.Keyid) {
			continue
		}
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return err
		}
		der, err := hex.DecodeString(s.Sig)
		if err == nil && ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest[:], der) {
			good[s.Keyid] = true
		}
	}
	if len(good) < role.Threshold {
		return fmt.Errorf("%d signatures of %d", len(good), role.Threshold)
	}
	return nil
}

// canonical is the canonical JSON that TUF signs.
func canonical(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var members []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			members = append(members, canonical(name)+":"+canonical(v[name]))
		}
		return "{" + strings.Join(members, ",") + "}"
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, canonical(item))
		}
		return "[" + strings.Join(items, ",") + "]"
	case string:
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
	default:
		return fmt.Sprint(v)
	}
}

// FuzzParseRoot holds that what is accepted has one form: the roles are whole, and no other bytes mean the same.
func FuzzParseRoot(f *testing.F) {
	r := newRepository(f)
	f.Add(r.state.Root)
	f.Add(bytes.Replace(r.state.Root, []byte(`"threshold":2`), []byte(`"threshold":0`), 1))
	f.Add([]byte(`{"signatures":[],"signed":{"_type":"root","keys":{"":null}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		root, err := tuf.ParseRoot(data)
		if err != nil {
			return
		}
		if err := signedByThreshold(data, data); err != nil {
			t.Fatal(err)
		}
		for _, role := range []tuf.Role{root.Roles.Root, root.Roles.Targets, root.Roles.Snapshot, root.Roles.Timestamp} {
			if role.Threshold < 1 || role.Threshold > len(role.Keys) {
				t.Fatalf("%+v", role)
			}
		}
		for _, blank := range []string{" ", "\n"} {
			if _, err := tuf.ParseRoot(append([]byte(blank), data...)); err == nil {
				t.Fatal("two forms of one root")
			}
		}
	})
}
