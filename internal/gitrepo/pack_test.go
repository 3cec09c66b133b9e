package gitrepo_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// packed is an object as a pack holds it: a type number, the size that it announces, and the content to compress.
type packed struct {
	kind int // 1 commit, 2 tree, 3 blob, 6 delta against the object before, 7 delta against base
	size int
	base gitrepo.Hash
	data []byte
}

// makePack writes a pack with whatever its objects claim.
func makePack(objects ...packed) []byte {
	pack, _ := makePackAt(objects...)
	return pack
}

// makePackAt is makePack that says where each of the objects begins.
func makePackAt(objects ...packed) ([]byte, []uint32) {
	var begins []uint32
	var buf bytes.Buffer
	buf.WriteString("PACK\x00\x00\x00\x02")
	binary.Write(&buf, binary.BigEndian, uint32(len(objects)))
	for i, o := range objects {
		begins = append(begins, uint32(buf.Len()))
		b := byte(o.kind<<4 | o.size&15)
		for n := o.size >> 4; n > 0; n >>= 7 {
			buf.WriteByte(b | 0x80)
			b = byte(n & 0x7f)
		}
		buf.WriteByte(b)
		switch o.kind {
		case 6:
			buf.Write(back(int(begins[i] - begins[i-1])))
		case 7:
			buf.Write(o.base[:])
		}
		z := zlib.NewWriter(&buf)
		z.Write(o.data)
		z.Close()
	}
	sum := sha1.Sum(buf.Bytes())
	return append(buf.Bytes(), sum[:]...), begins
}

// back writes how far before a delta its base is: base 128, the greatest digit first, every further one counting from 1.
func back(n int) []byte {
	digits := []byte{byte(n & 0x7f)}
	for n >>= 7; n > 0; n >>= 7 {
		n--
		digits = append(digits, byte(n&0x7f)|0x80)
	}
	slices.Reverse(digits)
	return digits
}

// delta returns one that copies the first n bytes of a base of size from, times over.
func delta(from, n, times int) []byte {
	d := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(from)), uint64(n*times))
	for range times {
		d = append(d, 0x80|0x10|0x20, byte(n), byte(n>>8))
	}
	return d
}

func emptyRepo(t testing.TB) *gitrepo.Repo {
	repo, err := gitrepo.Init(filepath.Join(t.TempDir(), "r"), "main")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repo.Close() })
	return repo
}

// TestAddPackLimits: each pack is refused for its own reason and leaves no file behind.
func TestAddPackLimits(t *testing.T) {
	base := bytes.Repeat([]byte("x"), 60_000)
	baseID, err := gitrepo.ParseHash(gittest.Input(t, t.TempDir(), string(base), "hash-object", "--stdin"))
	if err != nil {
		t.Fatal(err)
	}
	d := delta(len(base), 60_000, 100)
	good := makePack(packed{3, len(base), baseID, base})
	flipped := bytes.Clone(good)
	flipped[20] ^= 1
	rows := map[string]struct {
		pack   []byte
		limits gitrepo.PackLimits
		large  bool
	}{
		"nothing":           {nil, gitrepo.PackLimits{}, false},
		"cut off":           {good[:len(good)-5], gitrepo.PackLimits{}, false},
		"flipped":           {flipped, gitrepo.PackLimits{}, false},
		"no pack":           {bytes.Repeat([]byte("<html>"), 20), gitrepo.PackLimits{}, false},
		"too many bytes":    {good, gitrepo.PackLimits{MaxBytes: int64(len(good)) - 1}, true},
		"too large":         {good, gitrepo.PackLimits{MaxObject: 59_999}, true},
		"too many":          {makePack(packed{3, 1, baseID, []byte("a")}, packed{3, 1, baseID, []byte("b")}), gitrepo.PackLimits{MaxObjects: 1}, true},
		"too much together": {makePack(packed{3, 1, baseID, []byte("a")}, packed{3, 1, baseID, []byte("b")}), gitrepo.PackLimits{MaxInflated: 1}, true},
		"holds less":        {makePack(packed{3, 70_000, baseID, base}), gitrepo.PackLimits{}, false},
		"holds more":        {makePack(packed{3, 10, baseID, base}), gitrepo.PackLimits{}, false},
		"delta bomb":        {makePack(packed{3, len(base), baseID, base}, packed{7, len(d), baseID, d}), gitrepo.PackLimits{MaxObject: 1 << 20}, true},
		"thin":              {makePack(packed{7, len(d), gitrepo.Hash{1}, d}), gitrepo.PackLimits{}, false},
		"more behind":       {resum(append(good[:len(good)-20:len(good)-20], "more"...)), gitrepo.PackLimits{}, false},
	}
	for name, row := range rows {
		repo := emptyRepo(t)
		_, err := repo.AddPack(t.Context(), bytes.NewReader(row.pack), row.limits)
		if fault.KindOf(err) != fault.Integrity || errors.Is(err, gitrepo.ErrTooLarge) != row.large {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadDir(filepath.Join(repo.Dir(), "objects", "pack")); len(left) != 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
	repo := emptyRepo(t)
	info, err := repo.AddPack(t.Context(), bytes.NewReader(makePack(packed{3, len(base), baseID, base}, packed{7, len(d), baseID, d})), gitrepo.PackLimits{})
	if err != nil || info.Blobs != 2 || info.Trees+info.Commits+info.Other != 0 {
		t.Errorf("the same within the limits: %+v, %v", info, err)
	}
	if got, err := repo.ReadBlob(baseID, 60_000); err != nil || !bytes.Equal(got, base) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	gittest.Fsck(t, repo.Dir())
}

// lastWord cancels when all of it was read.
type lastWord struct {
	io.Reader
	cancel func()
}

func (l lastWord) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if err == io.EOF {
		l.cancel()
	}
	return n, err
}

// TestAddPackEndsWithItsContext: also when the whole pack is here. That is nobody's fault.
func TestAddPackEndsWithItsContext(t *testing.T) {
	repo := emptyRepo(t)
	ctx, cancel := context.WithCancel(t.Context())
	pack := makePack(packed{kind: 3, size: 3, data: []byte("abc")})
	_, err := repo.AddPack(ctx, lastWord{bytes.NewReader(pack), cancel}, gitrepo.PackLimits{})
	if !errors.Is(err, context.Canceled) || fault.KindOf(err) == fault.Integrity || repo.PackCount() != 0 {
		t.Errorf("%v, %d packs", err, repo.PackCount())
	}
}

// resum replaces the checksum that a pack ends with.
func resum(body []byte) []byte {
	sum := sha1.Sum(body)
	return append(body, sum[:]...)
}

func TestPackOfOneRepoServesAnother(t *testing.T) {
	from, first := gittest.Repo(t, "main", map[string]string{"a/b": "1", "c": "2"})
	hashes, err := from.NewObjects(t.Context(), gitrepo.Hash{}, first)
	if err != nil {
		t.Fatal(err)
	}
	var pack bytes.Buffer
	if err := from.WritePack(&pack, hashes, 1000); err != nil {
		t.Fatal(err)
	}
	to := emptyRepo(t)
	info, err := to.AddPack(t.Context(), &pack, gitrepo.PackLimits{})
	if err != nil || info.Commits != 1 || info.Trees != 2 || info.Blobs != 2 {
		t.Fatalf("%+v, %v", info, err)
	}
	if err := to.CompareAndSwap("refs/heads/main", gitrepo.Hash{}, first); err != nil {
		t.Fatal(err)
	}
	if got := gittest.Run(t, to.Dir(), "show", "main:a/b"); got != "1" {
		t.Errorf("git reads %q", got)
	}
	gittest.Fsck(t, to.Dir())
}

func TestSweepTemp(t *testing.T) {
	repo := emptyRepo(t)
	dir := filepath.Join(repo.Dir(), "objects", "pack")
	now := time.Unix(1_700_000_000, 0)
	for name, age := range map[string]time.Duration{"tmp_pack_old": 2 * time.Hour, "tmp_pack_new": time.Minute, "pack-1.keep": 9 * time.Hour} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	repo.SweepTemp(now.Add(-time.Hour))
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
}

// FuzzAddPack: a pack is refused whole and without a trace, or it is one that git finds nothing wrong with and whose
// objects can all be read.
func FuzzAddPack(f *testing.F) {
	d := delta(3, 3, 2)
	text := []byte("abc")
	id := gitrepo.Hash{0xf2, 0xba, 0x8f, 0x84, 0xab, 0x5c, 0x1b, 0xce, 0x84, 0xa7, 0xb4, 0x41, 0xcb, 0x19, 0x59, 0xcf, 0xc7, 0x09, 0x3b, 0x7f}
	f.Add(makePack(packed{3, 3, id, text}))
	f.Add(makePack(packed{3, 3, id, text}, packed{7, len(d), id, d}))
	f.Add(makePack(packed{3, 9, id, text}))
	f.Add([]byte("PACK"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 20 {
			data = resum(data[: len(data)-20 : len(data)-20])
		}
		repo := emptyRepo(t)
		info, err := repo.AddPack(t.Context(), bytes.NewReader(data), gitrepo.PackLimits{MaxObject: 1 << 16, MaxInflated: 1 << 20})
		if err != nil {
			if repo.PackCount() != 0 {
				t.Error("a refused pack was kept")
			}
			return
		}
		if info.Bytes != int64(len(data)) || repo.PackCount() != 1 {
			t.Errorf("%+v of %d bytes", info, len(data))
		}
		gittest.Run(t, repo.Dir(), "verify-pack", filepath.Join("objects", "pack", "pack-"+info.Hash.String()+".idx"))
	})
}
