package archive

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Archive is a packed package.
type Archive struct {
	Bytes     []byte
	Digest    string // "sha256:" and the hex digest of Bytes
	Size      int64  // length of Bytes
	Unpacked  int64  // sum of the file sizes
	TarDigest string // likewise of the tar inside
	Files     []Entry
}

// Pack makes the archive of files below the top folder prefix, `<key>-<version>`. The order of files does not matter.
//
// Whatever [Unpack] would refuse is refused here with the same error, but of kind config.
func Pack(prefix string, files []File) (*Archive, error) {
	if !topFolder(prefix) {
		return nil, fmt.Errorf("%q cannot be the folder of an archive", prefix)
	}
	sorted := slices.Clone(files)
	slices.SortStableFunc(sorted, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	if problems := Check(sorted); len(problems) > 0 {
		return nil, problems[0].fault()
	}
	tarHash, tarLen := sha256.New(), lengthWriter(0)
	if _, err := writeTar(io.MultiWriter(tarHash, &tarLen), prefix, sorted); err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(windowFor(int64(tarLen))), zstd.WithEncoderCRC(true))
	if err != nil {
		return nil, err
	}
	entries, err := writeTar(z, prefix, sorted)
	if err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	if packed.Len() > MaxPacked {
		return nil, configFault(tooBig("%d bytes packed, at most %d are allowed", packed.Len(), MaxPacked))
	}
	a := &Archive{Bytes: packed.Bytes(), Size: int64(packed.Len()), TarDigest: digest(tarHash), Files: entries}
	sum := sha256.Sum256(a.Bytes)
	a.Digest = "sha256:" + hex.EncodeToString(sum[:])
	for _, e := range entries {
		a.Unpacked += e.Size
	}
	return a, a.readable(prefix)
}

// lengthWriter counts.
type lengthWriter int64

func (n *lengthWriter) Write(p []byte) (int, error) {
	*n += lengthWriter(len(p))
	return len(p), nil
}

// windowFor is the smallest power of two that holds the whole tar, up to MaxWindow: whoever unpacks has to allot it.
func windowFor(length int64) int {
	window := zstd.MinWindowSize
	for int64(window) < length && window < MaxWindow {
		window *= 2
	}
	return window
}

// readable makes sure that what is published can be installed: only the reader knows the ratio of the packed bytes.
func (a *Archive) readable(prefix string) error {
	err := read(bytes.NewReader(a.Bytes), prefix, Options{}, func(_ Entry, b *body) error {
		_, err := digestTo(io.Discard, b)
		return err
	})
	return configFault(err)
}

// configFault turns the reader's verdict into one about the author's own files.
func configFault(err error) error {
	if f := fault.Of(err); f != nil {
		f.Kind = fault.Manifest
	}
	return err
}

func writeTar(w io.Writer, prefix string, files []File) ([]Entry, error) {
	tw := tar.NewWriter(w)
	entries := make([]Entry, 0, len(files))
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: prefix + "/" + f.Path, Size: int64(len(f.Data)), Mode: 0o644, ModTime: time.Unix(0, 0)}
		if f.Executable {
			h.Mode = 0o755
		}
		if err := tw.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("packing %q: %w", f.Path, err)
		}
		if _, err := tw.Write(f.Data); err != nil {
			return nil, fmt.Errorf("packing %q: %w", f.Path, err)
		}
		entries = append(entries, Entry{Path: f.Path, Executable: f.Executable, Size: h.Size, SHA256: sha256.Sum256(f.Data)})
	}
	return entries, tw.Close()
}

// Check reports every problem that the files, sorted by path, would have as an archive.
func Check(files []File) []Problem {
	var problems []Problem
	names := newNameSet()
	var total int64
	for _, f := range files {
		err := CheckPath(f.Path)
		if err == nil {
			err = names.add(f.Path)
		}
		if err != nil {
			problems = append(problems, Problem{Path: f.Path, Code: "bad-path", Message: err.Error(), Fatal: true})
		}
		total += int64(len(f.Data))
	}
	if len(files) > MaxFiles {
		problems = append(problems, tooLarge("%d files, at most %d are allowed", len(files), MaxFiles))
	}
	if total > MaxUnpacked {
		problems = append(problems, tooLarge("%d bytes of files, at most %d are allowed", total, MaxUnpacked))
	}
	return problems
}

func tooLarge(format string, args ...any) Problem {
	return Problem{Code: CodeTooBig, Message: fmt.Sprintf(format, args...), Fatal: true}
}
