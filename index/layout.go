package index

import (
	"errors"
	"fmt"
	"strings"

	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/alphabet"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

const (
	// PackageDir and PublisherDir hold the index files of packages and publishers.
	PackageDir   = "index/"
	PublisherDir = "publishers/"
	// ConfigPath and AccessPath are the registry's configuration.
	ConfigPath = "registry.toml"
	AccessPath = "access.toml"
	// AdvisoryDir holds advisories.
	AdvisoryDir = "advisories/"
	// ArchiveDir holds archives, unless the configuration names another place.
	ArchiveDir = "packages/"
	// LogDir holds the transparency log; its checkpoints have their size behind CheckpointPrefix.
	LogDir           = "log/"
	CheckpointPrefix = LogDir + "checkpoint."
	// TrustedRootPath has the log's key, in the form that Sigstore's tools take.
	TrustedRootPath = tuf.Dir + "trusted_root.json"
	// ProposalPrefix begins the branches that propose lines.
	ProposalPrefix = "publish/"
)

// IsListed reports whether the lists vouch for a file of the published tree, if it exists: what clients read and decide by,
// without the few files that the metadata names itself.
func IsListed(path string) bool {
	return strings.HasPrefix(path, PackageDir) || strings.HasPrefix(path, PublisherDir) || strings.HasPrefix(path, AdvisoryDir)
}

// IsFixed reports whether a file of a published tree never changes, because its name holds its version, its digest or its
// place in the log.
func IsFixed(path string) bool {
	folder, rest, _ := strings.Cut(path, "/")
	switch folder += "/"; folder {
	case tuf.Dir:
		return path != tuf.TimestampPath && path != TrustedRootPath
	case listing.Dir, LogDir, BundleDir, ArchiveDir, recentDir:
		return rest != ""
	}
	return false
}

// recentDir holds files that have changed lately, under their digests.
const recentDir = "recent/"

// PackagePath returns the path of a package's file: `index/ac/to/actor-utils`.
func PackagePath(name string) string {
	key := manifest.Key(name)
	return PackageDir + manifest.Shard(key) + key
}

// PublisherPath returns the path of a publisher's file.
func PublisherPath(id string) string {
	key := manifest.Key(id)
	return PublisherDir + manifest.Shard(key) + key
}

// BundleDir holds the bundles of signatures by identities, under their digests.
const BundleDir = "bundles/"

// BundlePath returns the path of a bundle: `bundles/9f/9f2c….json`.
func BundlePath(d Digest) string {
	hex := d.Hex()
	return BundleDir + hex[:2] + "/" + hex + ".json"
}

// BundleOfPath returns the digest of the bundle that belongs at a path, and whether one does.
func BundleOfPath(path string) (Digest, bool) {
	hex, ok := strings.CutSuffix(path[strings.LastIndexByte(path, '/')+1:], ".json")
	d := Digest("sha256:" + hex)
	return d, ok && d.Check() == nil && BundlePath(d) == path
}

// SubjectPath returns the path of the file that a line belongs to.
func SubjectPath(e Event, subject string) string {
	if e.OfPublisher() {
		return PublisherPath(subject)
	}
	return PackagePath(subject)
}

// KeyOfPath returns the path key of an index or publisher file, and whether path is one and stands in the right shard.
func KeyOfPath(path string) (key string, publisher, ok bool) {
	rest, isPackage := strings.CutPrefix(path, PackageDir)
	if !isPackage {
		if rest, publisher = strings.CutPrefix(path, PublisherDir); !publisher {
			return "", false, false
		}
	}
	key = rest[strings.LastIndexByte(rest, '/')+1:]
	return key, publisher, key != "" && manifest.Shard(key)+key == rest
}

// ProposalBranch names the branch that proposes a line: `publish/<name>/<first 16 digits of its digest>`.
func ProposalBranch(subject string, line Digest) string {
	return ProposalPrefix + subject + "/" + line.Hex()[:16]
}

// ParseProposalBranch takes the name of a proposal's branch apart: what it is about, and the first 16 digits of its line's
// digest.
func ParseProposalBranch(branch string) (subject, hex string, ok bool) {
	rest, ok := strings.CutPrefix(branch, ProposalPrefix)
	cut := strings.LastIndexByte(rest, '/')
	if !ok || cut < 0 {
		return "", "", false
	}
	subject, hex = rest[:cut], rest[cut+1:]
	return subject, hex, manifest.CheckName(subject) == nil && alphabet.Is(hex, 16, 16, alphabet.Digits+"abcdef", alphabet.Digits+"abcdef")
}

// GatePath returns the path of a registry's answer to a proposal, below its static tree; hex are the last 16 digits of the
// proposal's branch.
func GatePath(name, hex string) string { return "gate/" + manifest.Key(name) + "/" + hex + ".json" }

// GateContentPath returns the path of a registry's no to what a publisher has proposed, for who has only the archive and no
// longer the name of the branch. It is never a GatePath: names have no @.
func GateContentPath(publisher string, archive Digest) string {
	return "gate/@" + manifest.Key(publisher) + "/" + archive.Hex() + ".json"
}

// ArchiveName returns the file name of a version's archive.
func ArchiveName(name, version string) string {
	return ArchivePrefix(name, version) + ".tar.zst"
}

// ArchivePrefix returns the one folder at the top of a version's archive.
func ArchivePrefix(name, version string) string {
	return manifest.Key(name) + "-" + version
}

// CheckRegistryID reports whether id can name a registry.
func CheckRegistryID(id string) error {
	if !alphabet.Is(id, 3, 64, alphabet.Lower+alphabet.Digits, alphabet.Lower+alphabet.Digits+".-") {
		return fmt.Errorf("registry id %q is not 3 to 64 lower-case letters, digits, dots and hyphens", id)
	}
	return nil
}

// CheckPath refuses paths that no transport may ever be asked for.
func CheckPath(path string) error {
	if path == "" || len(path) > 512 || strings.HasPrefix(path, "/") || strings.Contains(path, "\\") {
		return fmt.Errorf("path %q is not a relative path", path)
	}
	for _, part := range strings.Split(path, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "\x00?#%:") {
			return fmt.Errorf("path %q has the part %q", path, part)
		}
	}
	return nil
}

// ErrNotFound is what a reader of single files says of one that is not there.
var ErrNotFound = errors.New("not found")
