package site

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/tools/gate"
)

// Outcome is what became of one proposal.
type Outcome struct {
	Branch string       `json:"branch"`
	Commit string       `json:"commit"`           // of the proposal
	Merged string       `json:"merged,omitempty"` // the commit of main that carries its lines
	Report *gate.Report `json:"report"`
}

const proposalRefs = "refs/heads/" + index.ProposalPrefix

// Merge judges every open proposal at the tip of main, one after the other, and merges those that pass. Approved names
// branches that a person has looked at. A proposal that fails is closed, with the reasons in its answer below public/gate;
// one that needs a person stays open. What authors have taken back is closed first.
func (s *Site) Merge(ctx context.Context, now time.Time, approved []string) ([]Outcome, error) {
	release, err := s.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	refs, err := s.repo.Refs(proposalRefs)
	if err != nil {
		return nil, err
	}
	if _, err := s.build(ctx, now); err != nil {
		return nil, err
	}
	outcomes, err := s.withdrawn(ctx, now, refs)
	if err != nil {
		return outcomes, err
	}
	if len(outcomes) > 0 {
		if refs, err = s.repo.Refs(proposalRefs); err != nil {
			return outcomes, err
		}
	}
	for _, ref := range refs {
		branch := strings.TrimPrefix(ref.Name, "refs/heads/")
		o, err := s.mergeOne(ctx, now, branch, ref.Hash, slices.Contains(approved, branch))
		if err != nil {
			return outcomes, fmt.Errorf("proposal %s: %w", branch, err)
		}
		outcomes = append(outcomes, *o)
	}
	return outcomes, s.expireUploads(now)
}

// uploadLife is how long an upload waits for a proposal that names it: longer than a proposal may wait for its merge.
const uploadLife = 30 * 24 * time.Hour

// expireUploads removes archives that were uploaded long ago. What was merged has its own place by then, and what was not
// never will be.
func (s *Site) expireUploads(now time.Time) error {
	entries, err := os.ReadDir(s.Path(UploadsDir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || now.Sub(info.ModTime()) < uploadLife {
			continue // of two jobs the other may have removed it
		}
		if err := os.Remove(s.Path(UploadsDir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (s *Site) mergeOne(ctx context.Context, now time.Time, branch string, commit gitrepo.Hash, approved bool) (*Outcome, error) {
	o := &Outcome{Branch: branch, Commit: commit.String()}
	p, lines, err := s.examine(ctx, now, o, commit, approved)
	if err != nil {
		return nil, err
	}
	if o.Report.Verdict == gate.Pass && o.Merged == "" {
		merged, err := s.append(ctx, now, p, lines)
		if err != nil {
			return nil, err
		}
		o.Merged = merged.String()
		if _, err := s.build(ctx, now); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(s.answer(o), s.answerForContent(o, p)); err != nil {
		return nil, err
	}
	if o.Report.Verdict == gate.Human {
		return o, nil
	}
	return o, s.drop(branch, commit)
}

// examine fills in the report on a proposal, and where it was merged by a run that was cut off before it could say so.
func (s *Site) examine(ctx context.Context, now time.Time, o *Outcome, commit gitrepo.Hash, approved bool) (*proposal, []*index.Line, error) {
	p, err := s.proposal(ctx, commit)
	if refusal := refusalOf(err); refusal != nil {
		o.Report = refusal
		return p, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	merged, err := s.merged(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	if !merged.IsZero() {
		o.Merged = merged.String()
		o.Report = &gate.Report{Schema: gate.Schema, Verdict: gate.Pass, Lines: []gate.Summary{}, Findings: []gate.Finding{}}
		return p, nil, nil
	}
	var lines []*index.Line
	o.Report, lines, err = s.judge(ctx, p, now, approved)
	return p, lines, err
}

// merged finds the commit of main that carries a proposal: its own, or one of the registry's that names it.
func (s *Site) merged(ctx context.Context, p *proposal) (merged gitrepo.Hash, err error) {
	trailer := "\nPublish-Commit: " + p.commit.Hash.String() + "\n"
	err = s.repo.Log(ctx, p.tip, p.commit.Parents[0], func(c gitrepo.Commit) error {
		if c.Hash == p.commit.Hash || strings.Contains(c.Message, trailer) && s.ours(c) {
			merged = c.Hash
		}
		return nil
	})
	return merged, err
}

// ours reports whether a commit is one of the registry's own jobs: anybody can write a trailer.
func (s *Site) ours(c gitrepo.Commit) bool {
	signature, err := sign.ParseCommitSignature(c.Signature)
	return err == nil && signature.Verify(s.commit.Public(), bytes.NewReader(c.Signed)) == nil
}

// append puts the lines on main, where they stay: what they need was pushed, and may not be on the disk. The author's own
// commit is kept where it stands on the tip and is signed with the key that signed the lines; otherwise the registry makes one
// that names it.
func (s *Site) append(ctx context.Context, now time.Time, p *proposal, lines []*index.Line) (gitrepo.Hash, error) {
	signed, err := s.signedByAuthor(p, lines)
	if err != nil {
		return gitrepo.Hash{}, err
	}
	next := p.commit.Hash
	if !p.forward || !signed || count(p.changes) != len(lines) {
		if next, err = s.rewrite(ctx, now, p, lines); err != nil {
			return next, err
		}
	}
	if err := s.repo.Settle(ctx, p.tip, next); err != nil {
		return next, err
	}
	return next, s.repo.CompareAndSwap(mainRef, p.tip, next)
}

// rewrite appends the lines to the files of the tip in a commit of the registry's own.
func (s *Site) rewrite(ctx context.Context, now time.Time, p *proposal, lines []*index.Line) (gitrepo.Hash, error) {
	files := map[string][]byte{}
	var order []string
	for _, l := range lines {
		name := index.SubjectPath(l.Event, l.Subject)
		if _, ok := files[name]; !ok {
			data, err := s.repo.ReadFile(p.tip, name, index.MaxFile)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return gitrepo.Hash{}, err
			}
			files[name] = data
			order = append(order, name)
		}
		files[name] = append(append(files[name], l.Bytes()...), '\n')
	}
	var edits []gitrepo.Edit
	for _, name := range order {
		edits = append(edits, gitrepo.Edit{Path: name, Data: files[name]})
	}
	for _, c := range p.changes {
		if _, ok := index.BundleOfPath(c.Path); ok {
			edits = append(edits, gitrepo.Edit{Path: c.Path, Data: c.New})
		}
	}
	subject, _, _ := strings.Cut(p.commit.Message, "\n")
	message := fmt.Sprintf("%s\n\nPublisher: %s\nPublish-Commit: %s\n", subject, lines[0].By, p.commit.Hash)
	return s.repo.Commit(ctx, []gitrepo.Hash{p.tip}, edits, s.info(now, message))
}

// answer writes what the gate says where the author looks for it.
func (s *Site) answer(o *Outcome) error {
	name, hex, ok := index.ParseProposalBranch(o.Branch)
	if !ok {
		return nil // not a name that gal-pkg gives; there is nobody to answer to
	}
	return s.writeAnswer(index.GatePath(name, hex), o)
}

func (s *Site) writeAnswer(path string, o *Outcome) error {
	data, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	target := s.Path(PublicDir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(target, append(data, '\n'), 0o644)
}
