package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/tools/gate"
)

// Reject closes an open proposal because a person says no. Its author reads the reason where the gate's answers are.
//
// Errors: fault.NotFound "no-proposal", fault.Usage "bad-reason", fault.Negative "merged-already".
func (s *Site) Reject(ctx context.Context, now time.Time, branch, reason string) (*Outcome, error) {
	if err := publish.CheckReason(reason); err != nil {
		return nil, err
	}
	release, err := s.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	commit, err := s.repo.Ref("refs/heads/" + branch)
	if errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(branch, index.ProposalPrefix) {
		return nil, fault.New(fault.NotFound, "no-proposal", "there is no proposal %s", branch).WithHelp("gal-registry gate %s", s.dir)
	}
	if err != nil {
		return nil, err
	}
	return s.turnDown(ctx, now, branch, commit, "a person of the registry says no: "+reason)
}

// turnDown closes a proposal with one finding, whatever the gate would say.
func (s *Site) turnDown(ctx context.Context, now time.Time, branch string, commit gitrepo.Hash, why string) (*Outcome, error) {
	o := &Outcome{Branch: branch, Commit: commit.String()}
	p, _, err := s.examine(ctx, now, o, commit, false)
	if err != nil {
		return nil, err
	}
	if o.Merged != "" {
		return nil, fault.New(fault.Negative, "merged-already", "the proposal %s is merged", branch)
	}
	o.Report = &gate.Report{Schema: gate.Schema, Verdict: gate.Fail, Lines: o.Report.Lines, Findings: []gate.Finding{{ID: "G65", Verdict: gate.Fail, Message: why}}}
	if err := errors.Join(s.answer(o), s.answerForContent(o, p)); err != nil {
		return nil, err
	}
	return o, s.drop(branch, commit)
}

// drop removes the branch of a proposal, unless another commit is there meanwhile: that is another proposal.
func (s *Site) drop(branch string, commit gitrepo.Hash) error {
	if err := s.repo.Delete("refs/heads/"+branch, commit); !errors.Is(err, gitrepo.ErrChanged) {
		return err
	}
	return nil
}

// maxAnswer bounds an answer that is read again, in bytes.
const maxAnswer = 1 << 20

// answerForContent puts a no also where authors look who have only the archive: who makes the proposal again signs another
// line, and has no longer the name of the branch that is closed.
//
// Anybody who may push can propose lines of others, beside such as the gate refuses. So this answers authors only where all
// lines are theirs, and where no other key has signed the commit.
func (s *Site) answerForContent(o *Outcome, p *proposal) error {
	if o.Report.Verdict != gate.Fail || p == nil || len(p.signed) != len(o.Report.Lines) {
		return nil
	}
	key, signed := publish.SignerOf(p.commit)
	if slices.ContainsFunc(p.signed, func(l *index.Line) bool {
		return l.By != p.signed[0].By || signed && l.Sig.Key != key.Hint()
	}) {
		return nil
	}
	for _, l := range p.signed {
		if body, ok := l.Body.(*index.Publish); ok {
			if err := s.writeAnswer(index.GateContentPath(l.By, body.Checksum), o); err != nil {
				return err
			}
		}
	}
	return nil
}

// taken begins the answer to a proposal that its author has taken back.
const taken = "its author has taken it back"

// takenBack returns the answer to the proposal of a line that publishes, where its author has taken that back, else "": it is
// where answerForContent has put it.
func (s *Site) takenBack(l *index.Line) (string, error) {
	body, ok := l.Body.(*index.Publish)
	if !ok {
		return "", nil
	}
	data, err := atomicfile.Read(s.Path(PublicDir, filepath.FromSlash(index.GateContentPath(l.By, body.Checksum))), maxAnswer)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	var o Outcome
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	if err != nil || o.Report == nil || !slices.ContainsFunc(o.Report.Lines, func(s gate.Summary) bool { return s.Digest == string(l.Digest()) }) {
		return "", err
	}
	for _, f := range o.Report.Findings {
		if f.ID == "G65" && strings.HasPrefix(f.Message, taken) {
			return f.Message, nil
		}
	}
	return "", nil
}

// withdrawn closes the proposals that their authors have taken back, with the commits that say so, and returns what became of
// them. A commit that says so of what others have proposed is judged as any other, and changes nothing.
func (s *Site) withdrawn(ctx context.Context, now time.Time, refs []gitrepo.RefEntry) (outcomes []Outcome, err error) {
	for _, ref := range refs {
		c, err := s.repo.ReadCommit(ref.Hash)
		if err != nil {
			continue // the gate says so
		}
		target, reason, ok := publish.ParseWithdrawal(c.Message)
		at := slices.IndexFunc(refs, func(r gitrepo.RefEntry) bool { return r.Hash.String() == target && r.Hash != ref.Hash })
		if !ok || at < 0 || !s.sameSigner(c, refs[at].Hash) {
			continue
		}
		why := taken
		if reason != "" {
			why += ": " + reason
		}
		o, err := s.turnDown(ctx, now, strings.TrimPrefix(refs[at].Name, "refs/heads/"), refs[at].Hash, why)
		if fault.IsCode(err, "merged-already") {
			continue
		}
		if err != nil {
			return outcomes, fmt.Errorf("proposal %s: %w", refs[at].Name, err)
		}
		if err := s.drop(strings.TrimPrefix(ref.Name, "refs/heads/"), ref.Hash); err != nil {
			return outcomes, err
		}
		outcomes = append(outcomes, *o)
	}
	return outcomes, nil
}

// sameSigner reports whether two commits are signed with one key.
func (s *Site) sameSigner(a gitrepo.Commit, hash gitrepo.Hash) bool {
	b, err := s.repo.ReadCommit(hash)
	if err != nil {
		return false
	}
	first, ok := publish.SignerOf(a)
	second, too := publish.SignerOf(b)
	return ok && too && first == second
}
