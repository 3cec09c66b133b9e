package publish

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

const (
	// MaxLines is the greatest number of lines in one proposal.
	MaxLines = 256
	// MaxProposal is the greatest length of a proposal file, in bytes.
	MaxProposal = 4 << 20
	// ProposalSuffix ends the names of proposal files.
	ProposalSuffix = ".proposal"
)

// File is a proposal that is not on its way yet: it waits for a further signature, or for a machine that can reach the
// registry. Its bytes are a head line, which says for which registry the lines are signed, and the lines as they would
// be appended:
//
//	{"v":1,"registry":"registry.example.org"}
//	{"v":1,"event":"owners","name":"mailbox",...}
//
// Every line ends with LF. There is one spelling: what does not come out again byte for byte is refused. Beside
// the file stand the archive of a publish, under its name in a registry, and the bundles of signatures by identities, as
// [BundleName] says: 64 hexadecimal digits and .bundle.json.
type File struct {
	Registry string // the id
	Lines    []*index.Line
}

const headStart, headEnd = `{"v":1,"registry":"`, `"}`

// Bytes returns the file.
func (f *File) Bytes() []byte {
	data := []byte(headStart + f.Registry + headEnd + "\n")
	for _, l := range f.Lines {
		data = append(append(data, l.Bytes()...), '\n')
	}
	return data
}

// ParseFile reads what Bytes writes. Path is for messages.
//
// Errors: fault.Manifest "bad-proposal".
func ParseFile(path string, data []byte) (*File, error) {
	head, rest, _ := bytes.Cut(data, []byte("\n"))
	id, ok := strings.CutPrefix(string(head), headStart)
	id, ended := strings.CutSuffix(id, headEnd)
	if !ok || !ended || index.CheckRegistryID(id) != nil {
		return nil, badProposal(path, "its first line does not say for which registry it is")
	}
	var decoder index.Decoder
	lines, err := decoder.ParseLines(path, rest)
	switch {
	case err != nil:
		return nil, badProposal(path, "%v", err)
	case len(lines) == 0:
		return nil, badProposal(path, "it has no line")
	case len(lines) > MaxLines:
		return nil, badProposal(path, "it has %d lines, which are more than %d", len(lines), MaxLines)
	}
	for _, l := range lines {
		if l.V != index.LineVersion {
			return nil, badProposal(path, "it has a line of version %d; update gal-pkg", l.V)
		}
	}
	return &File{id, lines}, nil
}

func badProposal(path, reason string, args ...any) error {
	return fault.New(fault.Manifest, "bad-proposal", "%s is no proposal that can be used", path).WithFact(reason, args...)
}

// LoadFile reads a proposal file.
//
// Errors: fault.NotFound "proposal-unreadable", those of [ParseFile].
func LoadFile(path string) (*File, error) {
	data, err := atomicfile.Read(path, MaxProposal)
	if err != nil {
		return nil, fault.New(fault.NotFound, "proposal-unreadable", "the proposal %s cannot be read", path).Because(err)
	}
	return ParseFile(path, data)
}

// Name is what a proposal file is called where nobody says otherwise: mailbox-owners-0123abcd.proposal, and for a publish
// as its archive, mailbox-1.0.0.proposal.
func (f *File) Name() string {
	last := f.Lines[len(f.Lines)-1]
	if last.Event == index.EventPublish {
		return index.ArchivePrefix(last.Subject, last.Version()) + ProposalSuffix
	}
	return fmt.Sprintf("%s-%s-%s%s", manifest.Key(last.Subject), last.Event, last.Digest().Hex()[:8], ProposalSuffix)
}

// Archives reads the archives of the versions that a proposal file publishes, from the folder that it is in. They have
// the digests that the lines name.
//
// Errors: fault.NotFound "archive-missing", fault.Integrity "checksum-mismatch".
func (f *File) Archives(dir string) ([]*archive.Archive, error) {
	var archives []*archive.Archive
	for _, l := range f.Lines {
		p, ok := l.Body.(*index.Publish)
		if !ok {
			continue
		}
		path := filepath.Join(dir, index.ArchiveName(l.Subject, l.Version()))
		data, err := atomicfile.Read(path, archive.MaxPacked)
		if err != nil {
			return nil, fault.New(fault.NotFound, "archive-missing", "the archive that the proposal publishes is not beside it").
				WithFact("expected %s", path).Because(err)
		}
		if got := index.DigestOf(data); got != p.Checksum {
			return nil, fault.New(fault.Integrity, "checksum-mismatch", "the archive beside the proposal is not the one that was signed").
				WithFact("expected %s", p.Checksum).WithFact("actual   %s  (%s)", got, path)
		}
		archives = append(archives, &archive.Archive{Bytes: data, Digest: string(p.Checksum), Size: p.Size, Unpacked: p.Unpacked})
	}
	return archives, nil
}
