package gate

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/sign"
)

// maxLines bounds one proposal.
const maxLines = 256

// shape holds that a proposal only appends lines to index and publisher files, and decodes what it appends.
func (j *judge) shape(changes []Change) {
	if len(changes) == 0 {
		j.fail("G01", "", "the proposal changes nothing", "")
	}
	for _, c := range changes {
		if digest, ok := index.BundleOfPath(c.Path); ok {
			j.bundle(c, digest)
			continue
		}
		key, _, ok := index.KeyOfPath(c.Path)
		switch {
		case !ok:
			j.fail("G01", c.Path, "a proposal touches files below index/ and publishers/, and brings bundles, only", "remove the file from the commit")
		case c.New == nil:
			j.fail("G02", c.Path, "the file is removed", "files of a registry only grow")
		case !c.Regular:
			j.fail("G05", c.Path, "the entry is not a regular file with mode 0644", "git update-index --chmod=-x "+c.Path)
		case !bytes.HasPrefix(c.New, c.Old):
			j.fail("G02", c.Path, "lines that were there are changed or gone", "files of a registry only grow; undo an event with a further line")
		case len(c.New) == len(c.Old):
			j.fail("G01", c.Path, "nothing is appended", "")
		default:
			j.appended(c, key)
		}
	}
	j.named()
	if len(j.lines) > maxLines {
		j.fail("G03", "", fmt.Sprintf("%d lines are more than %d", len(j.lines), maxLines), "make several proposals")
	}
}

// bundle takes the bundle of a signature by an identity, under its digest.
func (j *judge) bundle(c Change, digest index.Digest) {
	switch {
	case c.New == nil || c.Old != nil:
		j.fail("G02", c.Path, "a bundle that was there is changed or gone", "bundles never change")
	case !c.Regular:
		j.fail("G05", c.Path, "the entry is not a regular file with mode 0644", "git update-index --chmod=-x "+c.Path)
	case len(c.New) > sign.MaxBundle || index.DigestOf(c.New) != digest:
		j.fail("G50", c.Path, "the bundle is too long, or its digest is not its name", "gal-pkg publish --sign-keyless makes bundles")
	default:
		j.bundles[digest] = c.New
	}
}

// named holds that every bundle belongs to a line, and lets the ledger read them.
func (j *judge) named() {
	left := maps.Clone(j.bundles)
	for _, l := range j.lines {
		for _, digest := range l.Bundles() {
			delete(left, digest)
		}
	}
	for _, digest := range slices.Sorted(maps.Keys(left)) {
		j.fail("G01", index.BundlePath(digest), "no line of the proposal names the bundle", "remove the file from the commit")
	}
	before := j.rules.Ledger.Bundles.Read
	j.rules.Ledger.Bundles.Read = func(d index.Digest) ([]byte, error) {
		if data, ok := j.bundles[d]; ok {
			return data, nil
		}
		if before == nil {
			return nil, index.ErrNotFound
		}
		return before(d)
	}
}

func (j *judge) appended(c Change, key string) {
	lines, err := j.decoder.ParseLines(c.Path, c.New[len(c.Old):])
	if err != nil {
		var m *index.MalformedError
		if errors.As(err, &m) {
			err = fmt.Errorf("line %d of those appended: %w", m.Line, m.Err)
		}
		id := "G04"
		if fault.IsCode(err, "bad-name") {
			id = "G10"
		}
		j.fail(id, c.Path, err.Error(), "gal-pkg writes lines; do not edit them")
		return
	}
	for _, l := range lines {
		if manifest.Key(l.Subject) != key || index.SubjectPath(l.Event, l.Subject) != c.Path {
			j.fail("G06", c.Path, fmt.Sprintf("a %s line of %q does not belong here but in %s", l.Event, l.Subject, index.SubjectPath(l.Event, l.Subject)), "")
		}
	}
	j.lines = append(j.lines, lines...)
}

// speakers holds that all lines are by one publisher: a workspace's packages come together, those of strangers do not.
func (j *judge) speakers() {
	for _, l := range j.lines[1:] {
		if first := j.lines[0]; l.By != first.By {
			j.fail("G03", "", fmt.Sprintf("lines are by %s and by %s", first.By, l.By), "make a proposal for each publisher")
			return
		}
	}
}
