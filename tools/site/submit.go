package site

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/tools/gate"
)

// Submit judges lines that the registry's operator brings, as a proposal that a person has looked at, and publishes them.
//
// Errors: fault.Negative "gate-refused", with what the gate found.
func (s *Site) Submit(ctx context.Context, now time.Time, lines []*index.Line) (*BuildReport, error) {
	release, err := s.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if _, err := s.build(ctx, now); err != nil {
		return nil, err
	}
	tip, err := s.repo.Ref(mainRef)
	if err != nil {
		return nil, err
	}
	p := &proposal{tip: tip}
	var edits []gitrepo.Edit
	if p.changes, edits, err = s.appending(tip, lines); err != nil {
		return nil, err
	}
	report, accepted, err := s.judge(ctx, p, now, true)
	if err != nil {
		return nil, err
	}
	if report.Verdict != gate.Pass || len(accepted) != len(lines) {
		return nil, report.Refusal()
	}
	last := lines[len(lines)-1]
	message := fmt.Sprintf("%s: %s\n\nPublisher: %s\n", last.Event, last.Subject, last.By)
	next, err := s.repo.Commit(ctx, []gitrepo.Hash{tip}, edits, s.info(now, message))
	if err == nil {
		err = s.repo.CompareAndSwap(mainRef, tip, next)
	}
	if err != nil {
		return nil, err
	}
	return s.build(ctx, now)
}

// appending is what lines do to the files of a commit of main: for the gate, and for the commit.
func (s *Site) appending(tip gitrepo.Hash, lines []*index.Line) (changes []gate.Change, edits []gitrepo.Edit, err error) {
	at := map[string]int{}
	for _, l := range lines {
		path := index.SubjectPath(l.Event, l.Subject)
		i, ok := at[path]
		if !ok {
			data, err := s.repo.ReadFile(tip, path, index.MaxFile)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, nil, err
			}
			i = len(changes)
			at[path] = i
			changes = append(changes, gate.Change{Path: path, Regular: true, Old: data, New: slices.Clone(data)})
		}
		changes[i].New = append(append(changes[i].New, l.Bytes()...), '\n')
	}
	for _, c := range changes {
		edits = append(edits, gitrepo.Edit{Path: c.Path, Data: c.New})
	}
	return changes, edits, nil
}
