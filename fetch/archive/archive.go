// Package archive packs a package folder into the one file that is published, and reads that file back as if an enemy
// had written it. It knows no registry, no network and no signatures: callers compare digests.
//
// # Format
//
// An archive is `<key>-<version>.tar.zst`, where key is the package name's path key. Its bytes are one zstd frame
// (RFC 8878): no dictionary, a window of at most [MaxWindow] bytes, no skippable frame, nothing before or after it.
// The frame holds a tar stream:
//
//   - one entry a file, in ascending order of the path's bytes, each `<key>-<version>/` followed by the path;
//   - regular files only: no links, folders, devices, sparse files or extensions of a vendor;
//   - USTAR headers (POSIX.1-1988); a path that does not fit is in a PAX record `path`, the only record there may be,
//     and the USTAR name is then the ASCII of that path, cut to 100 bytes;
//   - written with mode 0644 or 0755, user, group and time 0; read with any, where an x bit means 0755;
//   - two blocks of zeros end it, and it ends there.
//
// The same files give the same tar on every machine. The compressed bytes may differ between releases of the
// compressor, so two archives hold the same package when their tar digests are equal:
//
//	zstd -dc mailbox-1.0.0.tar.zst | sha256sum
//
// # Paths
//
// Forward slashes, valid UTF-8 in normal form C, below the top folder at most [MaxPath] bytes, [MaxComponent] a
// component, [MaxDepth] components. Refused are what leaves the folder or names another one (`..`, `.`, empty parts,
// drives), what some system cannot hold or would alter (`\ < > : " | ? *`, control and invisible characters, trailing
// dots and spaces, device names), `.git` and `.gal`, and two paths that are equal up to case or normal form.
//
// # Limits
//
// [MaxPacked] bytes packed, [MaxUnpacked] bytes and [MaxFiles] files unpacked, and a tar at most [MaxRatio] times as long
// as what was read of the archive, judged from the second MiB on. Reading stops at the first byte too many.
//
//	files, problems, err := archive.Collect("mailbox", archive.CollectOptions{})
//	a, err := archive.Pack("mailbox-1.0.0", files)
//	err = archive.Unpack(dir, bytes.NewReader(a.Bytes), "mailbox-1.0.0", archive.Options{})
package archive

import (
	"io/fs"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Limits of the format. A registry may ask for less, never for more.
const (
	MaxPacked    = 64 << 20
	MaxUnpacked  = 512 << 20
	MaxFiles     = 10_000
	MaxRatio     = 200
	MaxPath      = 240
	MaxComponent = 100
	MaxDepth     = 32
	MaxWindow    = 8 << 20
)

// ratioFloor is the length of tar up to which its ratio to the archive is not judged: small texts compress well.
const ratioFloor = 1 << 20

// Suffix ends the file name of an archive.
const Suffix = ".tar.zst"

// File is one file of a package with its content.
type File struct {
	Path       string // below the package folder, with forward slashes
	Executable bool   // mode 0755 instead of 0644
	Data       []byte
}

// Entry is one file of an archive without its content.
type Entry struct {
	Path       string
	Executable bool
	Size       int64
	SHA256     [32]byte
}

// Options narrow what an archive may be. The zero value sets the format's own limits.
type Options struct {
	MaxPacked   int64 // bytes of the archive; 0 means [MaxPacked]
	MaxUnpacked int64 // sum of the file sizes; 0 means [MaxUnpacked]
	MaxFiles    int   // 0 means [MaxFiles]
	ReadOnly    bool  // Unpack makes files 0444 and 0555 instead of 0644 and 0755

	// Folders is the mode of the folders that Unpack makes, whatever the umask; 0 means 0755 as far as that allows it.
	Folders fs.FileMode
}

func (o Options) withDefaults() Options {
	if o.MaxPacked <= 0 || o.MaxPacked > MaxPacked {
		o.MaxPacked = MaxPacked
	}
	if o.MaxUnpacked <= 0 || o.MaxUnpacked > MaxUnpacked {
		o.MaxUnpacked = MaxUnpacked
	}
	if o.MaxFiles <= 0 || o.MaxFiles > MaxFiles {
		o.MaxFiles = MaxFiles
	}
	return o
}

// Codes of the errors of this package, all of kind integrity.
const (
	CodeUnsafe  = "archive-unsafe"    // something in it could do harm, or two readers could see two things
	CodeTooBig  = "archive-too-large" // a limit is passed
	CodeCorrupt = "archive-corrupt"   // it ends early or does not decompress
)

func unsafef(format string, args ...any) error {
	return fault.New(fault.Integrity, CodeUnsafe, "unsafe archive: "+format, args...)
}

func tooBig(format string, args ...any) error {
	return fault.New(fault.Integrity, CodeTooBig, "archive is too large: "+format, args...)
}

func corrupt(format string, args ...any) error {
	return fault.New(fault.Integrity, CodeCorrupt, "damaged archive: "+format, args...)
}
