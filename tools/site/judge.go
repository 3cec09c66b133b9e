package site

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/tools/build"
	"github.com/geeknik/gal-pkg/tools/gate"
)

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
	signed  []*index.Line // by their publishers, once it is judged
}

// errShape is an answer to commits that no gate needs to look into.
var errShape = errors.New("a proposal is one commit on top of a commit of main")

// Limits on what a proposal changes, before the gate looks into it: a few bytes can name one large file many thousand times.
// The gate's own limit is 256 lines, each in a file of its own at most, with the bundles of their signatures.
const (
	maxChanges = 4096
	maxChanged = 256 << 20 // bytes of the files, as they were and as they are to be
)

var errTooMuch = errors.New("a proposal changes at most 4096 files, of 256 MiB together")

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
	p.changes, err = s.changes(ctx, c.Parents[0], commit)
	return p, err
}

func (s *Site) changes(ctx context.Context, parent, commit gitrepo.Hash) ([]gate.Change, error) {
	diff, err := s.repo.Diff(ctx, parent, commit)
	if err != nil {
		return nil, err
	}
	if len(diff) > maxChanges {
		return nil, errTooMuch
	}
	var changes []gate.Change
	left := maxChanged
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
		if left -= len(c.Old) + len(c.New); left < 0 {
			return nil, errTooMuch
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// judge runs the gate on a proposal, against what is published.
func (s *Site) judge(ctx context.Context, p *proposal, now time.Time, approved bool) (*gate.Report, []*index.Line, error) {
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
		Known:     func(name string) (bool, error) { return s.known(ledger, name) },
		Names:     func() ([]string, error) { return s.census.names(ctx, s.repo, p.tip) },
		TakenBack: s.takenBack,
		KeyOwner:  func(hint string) (string, error) { return s.census.owner(ctx, s.repo, p.tip, hint) },
	})
	p.signed = report.Signed
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

// refusalOf is the gate's answer to a commit that cannot even be read as a proposal; nil for an error that is not the
// author's. Without it one such commit would stop the merges of everybody.
func refusalOf(err error) *gate.Report {
	finding := gate.Finding{ID: "G02", Verdict: gate.Fail, Fix: "gal-pkg publish makes such a commit"}
	switch {
	case errors.Is(err, errShape):
		finding.Message = errShape.Error()
	case errors.Is(err, errTooMuch):
		finding.Message = errTooMuch.Error()
	case fault.KindOf(err) == fault.Integrity, errors.Is(err, gitrepo.ErrTooLarge):
		finding.ID, finding.Message = "G05", err.Error()
	default:
		return nil
	}
	return &gate.Report{Schema: gate.Schema, Verdict: gate.Fail, Lines: []gate.Summary{}, Findings: []gate.Finding{finding}}
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
