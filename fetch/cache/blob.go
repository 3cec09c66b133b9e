package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/internal/failpoint"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// ErrAbsent means that an archive is not in the cache, or was found damaged and has been removed.
var ErrAbsent = errors.New("not in the cache")

// MismatchError says that bytes do not have the digest that they should have. Nothing of them was kept.
type MismatchError struct {
	Want, Got string // Got is "" where reading stopped early because they are too many
	Size      int64  // bytes that came
	Declared  int64  // bytes that should have come, 0 where that is not known
}

// Error names both digests.
func (e *MismatchError) Error() string {
	if e.Got == "" {
		return fmt.Sprintf("more than the %d bytes that %s has", e.Declared, e.Want)
	}
	return fmt.Sprintf("digest is %s (%d bytes), not %s", e.Got, e.Size, e.Want)
}

// Has reports whether the item's archive is in the cache. It may still turn out to be damaged.
func (c *Cache) Has(item fetch.Item) bool {
	hex, err := hexOf(item.Digest)
	if err != nil {
		return false
	}
	info, err := os.Stat(c.blobPath(hex))
	return err == nil && info.Mode().IsRegular()
}

// Pending is an archive on its way into the cache.
type Pending struct {
	item  fetch.Item
	limit int64
	f     *os.File
	hash  hash.Hash
	n     int64
}

// Write takes bytes of the archive, at most as many as the item declares.
func (p *Pending) Write(b []byte) (int, error) {
	if p.n+int64(len(b)) > p.limit {
		return 0, &MismatchError{Want: p.item.Digest, Size: p.n + int64(len(b)), Declared: p.limit}
	}
	n, err := p.f.Write(b)
	p.hash.Write(b[:n])
	p.n += int64(n)
	failpoint.Reach(failpoint.BlobPart)
	return n, err
}

// Reset forgets what was written, to begin anew.
func (p *Pending) Reset() error {
	if p.n == 0 {
		return nil
	}
	p.hash.Reset()
	p.n = 0
	if _, err := p.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return p.f.Truncate(0)
}

// Matches reports whether what was written so far is the archive.
func (p *Pending) Matches() bool { return p.digest() == p.item.Digest }

func (p *Pending) digest() string { return "sha256:" + hex.EncodeToString(p.hash.Sum(nil)) }

// Len is the number of bytes written since the last Reset.
func (p *Pending) Len() int64 { return p.n }

// Check returns a *[MismatchError] unless what was written is the archive.
func (p *Pending) Check() error {
	if got := p.digest(); got != p.item.Digest {
		return &MismatchError{Want: p.item.Digest, Got: got, Size: p.n, Declared: p.item.Size}
	}
	return nil
}

// Fill makes sure that the item's archive is in the cache. Where it is not, fill is called to write it, by at most one
// caller at a time among all processes; filled tells whether that was us. Bytes with another digest give a
// *[MismatchError], and then, as after any error, nothing is kept.
func (c *Cache) Fill(ctx context.Context, item fetch.Item, fill func(*Pending) error) (filled bool, err error) {
	hex, err := hexOf(item.Digest)
	if err != nil {
		return false, err
	}
	release, err := c.Hold(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	if c.Has(item) {
		return false, nil
	}
	unlock, err := c.lockObject(ctx, hex, "another process that downloads "+item.String())
	if err != nil {
		return false, err
	}
	defer unlock()
	if c.Has(item) {
		return false, nil
	}
	return true, c.diskError(item, c.fill(item, hex, fill))
}

func (c *Cache) fill(item fetch.Item, hex string, fill func(*Pending) error) (err error) {
	var f *os.File
	made, err := c.temp(func(path string) (err error) {
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o444)
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(made))
		}
	}()
	failpoint.Reach(failpoint.BlobBegun)
	if err := failpoint.Fail(failpoint.BlobBegun, item.Folder()); err != nil {
		return errors.Join(err, f.Close())
	}
	p := &Pending{item: item, limit: item.Size, f: f, hash: sha256.New()}
	if p.limit <= 0 || p.limit > archive.MaxPacked {
		p.limit = archive.MaxPacked
	}
	err = fill(p)
	if err == nil {
		err = p.Check()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	failpoint.Reach(failpoint.BlobWhole)
	if err := failpoint.Fail(failpoint.BlobWhole, item.Folder()); err != nil {
		return err
	}
	c.bytes.Add(p.n)
	if err := place(made, c.blobPath(hex)); err != nil {
		return err
	}
	failpoint.Reach(failpoint.BlobPlaced)
	return nil
}

// Put reads the item's archive from r into the cache, as [Cache.Fill] does.
func (c *Cache) Put(ctx context.Context, item fetch.Item, r io.Reader) error {
	_, err := c.Fill(ctx, item, func(p *Pending) error {
		_, err := io.Copy(p, r)
		return err
	})
	return err
}

// Open opens the item's archive after hashing it from end to end, for somebody who uses it ([Used]). One that is damaged is
// removed and, like one that was never there, gives [ErrAbsent].
func (c *Cache) Open(ctx context.Context, item fetch.Item) (*os.File, error) {
	hex, err := hexOf(item.Digest)
	if err != nil {
		return nil, err
	}
	release, err := c.Hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	path := c.blobPath(hex)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", item, ErrAbsent)
	}
	if err != nil {
		return nil, err
	}
	sum, err := hashFile(f)
	if err == nil && sum != hex {
		c.heal(item, "its archive was damaged")
		if err = c.discard(path); err == nil {
			err = fmt.Errorf("%s: %w", item, ErrAbsent)
		} else {
			err = fault.New(fault.Integrity, "cache-damaged", "the archive of %s in the cache is damaged and cannot be removed", item).
				WithFact("file %s", path).Because(err)
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	if info, err := f.Stat(); err == nil {
		Used(path, info)
	}
	return f, nil
}

// smallBlob is the length from which on an archive is not read into memory as a whole.
const smallBlob = 1 << 20

// reader returns the item's archive after hashing it, as [Cache.Open] does. A small one is read once, into buf.
func (c *Cache) reader(ctx context.Context, item fetch.Item, buf *[smallBlob]byte) (io.ReadCloser, error) {
	hex, err := hexOf(item.Digest)
	if err != nil {
		return nil, err
	}
	if data, ok := readSmall(c.blobPath(hex), buf[:]); ok && hexDigest(data) == hex {
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	return c.Open(ctx, item)
}

// readSmall reads a file into buf; it is false for one that is too long, or cannot be read.
func readSmall(path string, buf []byte) ([]byte, bool) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	n, err := io.ReadFull(f, buf)
	return buf[:n], errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func hexDigest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// hashFile hashes a file of at most the greatest archive's length and goes back to its beginning.
func hashFile(f *os.File) (string, error) {
	h := sha256.New()
	buf := make([]byte, 128<<10)
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{io.LimitReader(f, archive.MaxPacked+1)}, buf); err != nil {
		return "", err
	}
	_, err := f.Seek(0, io.SeekStart)
	return hex.EncodeToString(h.Sum(nil)), err
}
