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
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/tools/build"
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
// one that needs a person stays open.
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
	var outcomes []Outcome
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

// Judge gives the gate's answer to one proposal, and changes nothing.
func (s *Site) Judge(ctx context.Context, now time.Time, branch string) (*Outcome, error) {
	commit, err := s.repo.Ref("refs/heads/" + branch)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "no-proposal", "there is no proposal %s", branch)
	}
	if err != nil {
		return nil, err
	}
	o := &Outcome{Branch: branch, Commit: commit.String()}
	if _, _, err := s.examine(ctx, now, o, commit, false); err != nil {
		return nil, err
	}
	return o, nil
}

// proposal is one commit on top of a commit of main.
type proposal struct {
	commit  gitrepo.Commit
	tip     gitrepo.Hash // of main
	forward bool         // it stands on the tip itself
	changes []gate.Change
}

// errShape is an answer to commits that no gate needs to look into.
var errShape = errors.New("a proposal is one commit on top of a commit of main")

func (s *Site) proposal(ctx context.Context, commit gitrepo.Hash) (*proposal, error) {
	tip, err := s.repo.Ref(mainRef)
	if err != nil {
		return nil, err
	}
	c, err := s.repo.ReadCommit(commit)
	if err != nil {
		return nil, err
	}
	p := &proposal{commit: c, tip: tip}
	if len(c.Parents) != 1 {
		return p, errShape
	}
	if on, err := s.repo.IsAncestor(ctx, c.Parents[0], tip); err != nil || !on {
		return p, errors.Join(errShape, err)
	}
	p.forward = c.Parents[0] == tip
	p.changes, err = s.changes(c.Parents[0], commit)
	return p, err
}

func (s *Site) changes(parent, commit gitrepo.Hash) ([]gate.Change, error) {
	diff, err := s.repo.Diff(parent, commit)
	if err != nil {
		return nil, err
	}
	var changes []gate.Change
	for _, d := range diff {
		c := gate.Change{Path: d.Path, Regular: d.NewMode == gitrepo.ModeFile}
		if !d.Old.IsZero() {
			if c.Old, err = s.repo.ReadBlob(d.Old, index.MaxFile); err != nil {
				return nil, err
			}
		}
		switch {
		case d.New.IsZero():
		case !d.NewMode.Regular():
			c.New = []byte{} // a link or a submodule: something is there, and it is no file
		default:
			if c.New, err = s.repo.ReadBlob(d.New, index.MaxFile); err != nil {
				return nil, err
			}
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// judge runs the gate on a proposal, against what is published.
func (s *Site) judge(p *proposal, now time.Time, approved bool) (*gate.Report, []*index.Line, error) {
	config, access, err := s.config(p.tip)
	if err != nil {
		return nil, nil, err
	}
	dist, done, err := s.published()
	if err != nil {
		return nil, nil, err
	}
	published := tree{s.repo, dist}
	list, err := s.repo.ReadFiles(p.tip, []string{"reserved.txt"}, index.MaxConfig)
	if err != nil {
		return nil, nil, err
	}
	ledger := build.NewLedger(config.ID, published, done.size)
	if ledger.Bundles, err = s.bundles(p.tip, published); err != nil {
		return nil, nil, err
	}
	if ledger.Roots, err = s.roots(published); err != nil {
		return nil, nil, err
	}
	changes, err := s.dropKnown(p.changes, ledger)
	if err != nil {
		return nil, nil, err
	}
	report, lines := gate.Judge(changes, gate.Rules{
		Config: config, Access: access, Reserved: strings.Fields(string(list["reserved.txt"])),
		Ledger: ledger, Archive: s.archive, Now: now, Approved: approved,
		Known:    func(name string) (bool, error) { return s.known(ledger, name) },
		Names:    func() ([]string, error) { return s.census.names(s.repo, p.tip) },
		KeyOwner: func(hint string) (string, error) { return s.census.owner(s.repo, p.tip, hint) },
	})
	return report, lines, nil
}

func (s *Site) known(ledger *build.Ledger, name string) (bool, error) {
	p, err := ledger.Package(name)
	return err == nil && p.Exists() && p.Name == name, err
}

// dropKnown takes out the registration that a second open proposal of a new publisher repeats: once the first is merged,
// the same id with the same key is there already.
func (s *Site) dropKnown(changes []gate.Change, ledger *build.Ledger) ([]gate.Change, error) {
	var decoder index.Decoder
	kept := changes[:0:0]
	for _, c := range changes {
		_, publisher, ok := index.KeyOfPath(c.Path)
		if ok && publisher && c.Old == nil {
			lines, err := decoder.ParseLines(c.Path, c.New)
			if err == nil && len(lines) == 1 {
				known, err := isKnown(lines[0], ledger)
				if err != nil {
					return nil, err
				}
				if known {
					continue
				}
			}
		}
		kept = append(kept, c)
	}
	return kept, nil
}

func isKnown(l *index.Line, ledger *build.Ledger) (bool, error) {
	r, ok := l.Body.(*index.Register)
	if !ok {
		return false, nil
	}
	p, err := ledger.Publisher(l.Subject)
	if err != nil || !p.Exists() || p.ID != l.Subject {
		return false, err
	}
	key, err := sign.ParsePublicKey(r.Key)
	return err == nil && p.Key(key.Hint()) != nil, nil
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
	if err := s.answer(o); err != nil {
		return nil, err
	}
	if o.Report.Verdict == gate.Human {
		return o, nil
	}
	if err := s.repo.Delete("refs/heads/"+branch, commit); !errors.Is(err, gitrepo.ErrChanged) {
		return o, err
	}
	return o, nil // it was replaced meanwhile: what is there now is another proposal
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
	o.Report, lines, err = s.judge(p, now, approved)
	return p, lines, err
}

// refusalOf is the gate's answer to a commit that cannot even be read as a proposal; nil for an error that is not the
// author's. Without it one such commit would stop the merges of everybody.
func refusalOf(err error) *gate.Report {
	finding := gate.Finding{ID: "G02", Verdict: gate.Fail, Fix: "gal-pkg publish makes such a commit"}
	switch {
	case errors.Is(err, errShape):
		finding.Message = errShape.Error()
	case fault.KindOf(err) == fault.Integrity, errors.Is(err, gitrepo.ErrTooLarge):
		finding.ID, finding.Message = "G05", err.Error()
	default:
		return nil
	}
	return &gate.Report{Schema: gate.Schema, Verdict: gate.Fail, Lines: []gate.Summary{}, Findings: []gate.Finding{finding}}
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

// append puts the lines on main. The author's own commit is kept where it stands on the tip and is signed with the key
// that signed the lines; otherwise the registry makes one that names it.
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
	return next, s.repo.CompareAndSwap(mainRef, p.tip, next)
}

// count returns how many lines the changes append.
func count(changes []gate.Change) int {
	n := 0
	for _, c := range changes {
		if _, ok := index.BundleOfPath(c.Path); !ok {
			n += strings.Count(string(c.New[len(c.Old):]), "\n")
		}
	}
	return n
}

func (s *Site) signedByAuthor(p *proposal, lines []*index.Line) (bool, error) {
	signature, err := sign.ParseCommitSignature(p.commit.Signature)
	if err != nil {
		return false, nil
	}
	dist, done, err := s.published()
	if err != nil {
		return false, err
	}
	config, _, err := s.config(p.tip)
	if err != nil {
		return false, err
	}
	if index.CheckID(lines[0].By) != nil {
		return false, nil // it is the registry's own line, and no publisher's
	}
	ledger := build.NewLedger(config.ID, tree{s.repo, dist}, done.size)
	if ledger.Roots, err = s.roots(tree{s.repo, dist}); err != nil {
		return false, err
	}
	publisher, err := ledger.Publisher(lines[0].By)
	if err != nil {
		return false, err
	}
	if r, ok := lines[0].Body.(*index.Register); ok {
		key, err := sign.ParsePublicKey(r.Key)
		return err == nil && signature.Verify(key, bytes.NewReader(p.commit.Signed)) == nil, nil
	}
	key := publisher.Key(lines[0].Sig.Key)
	return key != nil && signature.Verify(key.Public, bytes.NewReader(p.commit.Signed)) == nil, nil
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
	rest := strings.TrimPrefix(o.Branch, index.ProposalPrefix)
	cut := strings.LastIndexByte(rest, '/')
	if cut < 0 {
		return nil // not a name that gal-pkg gives; there is nobody to answer to
	}
	name, hex := rest[:cut], rest[cut+1:]
	if len(hex) != 16 || strings.Trim(hex, "0123456789abcdef") != "" || strings.Contains(name, "..") {
		return nil
	}
	data, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	target := s.Path(PublicDir, filepath.FromSlash(index.GatePath(name, hex)))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(target, append(data, '\n'), 0o644)
}
