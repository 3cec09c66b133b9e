package index

import (
	"context"
	"encoding/json"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// CopyNotePath is the file by which a copy of a registry says what it is to hold: a [CopyNote].
// Nothing vouches for it, so it may change in which words and as which kind of fault a file is missed: as what this source does
// not have, and another may, not as an attack. It lets nothing pass.
const CopyNotePath = "mirror.json"

// CopyNote is what a copy of a registry is to hold: {"v":1,"registry":ID,"whole":true} for all of it, and for a part
// {"v":1,"registry":ID,"releases":["mailbox 1.0.0",...]}.
type CopyNote struct {
	V        int      `json:"v"` // 1
	Registry string   `json:"registry"`
	Whole    bool     `json:"whole,omitempty"`
	Releases []string `json:"releases,omitempty"` // "name version", sorted, each once
}

// Bytes returns the note as its file has it.
func (n CopyNote) Bytes() ([]byte, error) {
	data, err := json.Marshal(n)
	return append(data, '\n'), err
}

// isPartial reports whether a copy of a registry says that it holds only a part.
func isPartial(note []byte) bool {
	var n CopyNote
	return json.Unmarshal(note, &n) == nil && n.V == 1 && n.Registry != "" && !n.Whole
}

// missing is the error for a file that the metadata names and the host does not have.
func (v *vouched) missing(ctx context.Context, path string) error {
	if files, err := v.raw.Fetch(ctx, []string{CopyNotePath}); err != nil || !isPartial(files[CopyNotePath]) {
		return missingFile(path)
	}
	return fault.New(fault.Network, "not-in-copy", "this copy of the registry holds only a part of it, and not what is needed").
		WithFact("missing  %s", path).
		WithHelp("gal-registry mirror SOURCE COPY --lock gal.lock   # copies what a project uses; without --lock, everything").
		WithHelp("gal-pkg vendor                                   # puts what a project uses into a folder").
		WithHelp("gal-pkg registry list                            # the registry itself has all of it")
}
