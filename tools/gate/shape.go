package gate

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// maxLines bounds one proposal.
const maxLines = 256

// shape holds that a proposal only appends lines to index and publisher files, and decodes what it appends.
func (j *judge) shape(changes []Change) {
	if len(changes) == 0 {
		j.fail("G01", "", "the proposal changes nothing", "")
	}
	for _, c := range changes {
		key, _, ok := index.KeyOfPath(c.Path)
		switch {
		case !ok:
			j.fail("G01", c.Path, "a proposal touches files below index/ and publishers/ only", "remove the file from the commit")
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
	if len(j.lines) > maxLines {
		j.fail("G03", "", fmt.Sprintf("%d lines are more than %d", len(j.lines), maxLines), "make several proposals")
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
