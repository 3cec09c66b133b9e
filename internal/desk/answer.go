package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/tools/gate"
	"github.com/geeknik/gal-pkg/tools/site"
)

// AnswerTo returns what the registry says of the proposal with a commit on a branch, nil where it has not said anything yet.
// Commit may be "", for that which has the line that the branch is named after. An answer to another one is none: who may
// push can give a branch any name that is free.
func AnswerTo(ctx context.Context, r *remote.Registry, branch, commit string) (*site.Outcome, error) {
	subject, hex, ok := index.ParseProposalBranch(branch)
	if !ok {
		return nil, nil
	}
	o, err := answerAt(ctx, r, index.GatePath(subject, hex))
	if err != nil || o == nil || o.Branch != branch {
		return nil, err
	}
	named := func(l gate.Summary) bool { return l.Subject == subject && strings.HasPrefix(l.Digest, "sha256:"+hex) }
	if commit != "" && o.Commit != commit || commit == "" && !slices.ContainsFunc(o.Report.Lines, named) {
		return nil, nil
	}
	return o, nil
}

// AnswerToContent returns the registry's last no to a proposal of a publisher with the content of a draft, nil for none.
func AnswerToContent(ctx context.Context, r *remote.Registry, publisher string, d *publish.Draft) (*gate.Report, error) {
	o, err := answerAt(ctx, r, index.GateContentPath(publisher, d.Publish.Checksum))
	if err != nil || o == nil || o.Report.Verdict != gate.Fail {
		return nil, err
	}
	about := func(l gate.Summary) bool {
		return l.By == publisher && l.Subject == d.Name && l.Version == d.Publish.Version.String()
	}
	if !slices.ContainsFunc(o.Report.Lines, about) {
		return nil, nil
	}
	return o.Report, nil
}

// What has become of a proposal that its author takes back.
const (
	Cancelled  = "cancelled"  // it is closed
	Cancelling = "cancelling" // the registry's gate has not run since
	Merged     = "merged"     // before it could be closed
	Refused    = "refused"    // it stays open: the gate does not take the withdrawal for one
)

// Fate says what has become of a proposal after its withdrawal was handed in. The answer is that to the proposal, or where it
// is Refused to the withdrawal; nil where there is none yet.
func Fate(ctx context.Context, r *remote.Registry, p publish.Waiting, withdrawal *publish.Proposal) (string, *site.Outcome, error) {
	o, err := AnswerTo(ctx, r, p.Branch, p.Commit)
	switch {
	case err != nil:
		return "", nil, err
	case o != nil && o.Merged != "":
		return Merged, o, nil
	case o != nil && o.Report.Verdict == gate.Fail:
		return Cancelled, o, nil
	}
	o, err = AnswerTo(ctx, r, withdrawal.Branch, withdrawal.Commit)
	switch {
	case err != nil:
		return "", nil, err
	case o != nil && o.Report.Verdict == gate.Fail:
		return Refused, o, nil
	}
	return Cancelling, nil, nil
}

func answerAt(ctx context.Context, r *remote.Registry, path string) (*site.Outcome, error) {
	if r.Location.Tree == "" {
		return nil, nil
	}
	place := r.Location.Tree + "/" + path
	data, err := read(ctx, r, place, 1<<20)
	if fault.KindOf(err) == fault.NotFound || os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var o site.Outcome
	if err := json.Unmarshal(data, &o); err != nil || o.Report == nil {
		return nil, fault.New(fault.Network, "bad-answer", "the registry's answer at %s is no gate report", place)
	}
	return &o, nil
}

// SameContent compares a draft with what is published: by digest, else by the tar inside, because another release of the
// compressor may write other bytes for the same files.
func SameContent(ctx context.Context, r *remote.Registry, release *index.Release, d *publish.Draft) (bool, error) {
	if string(release.Publish.Checksum) == d.Archive.Digest {
		return true, nil
	}
	for _, url := range r.URLs(d.Name, release.Publish) {
		data, err := read(ctx, r, url, archive.MaxPacked)
		if err != nil {
			continue
		}
		if index.DigestOf(data) != release.Publish.Checksum {
			return false, nil
		}
		digest, err := archive.TarDigest(bytes.NewReader(data))
		return err == nil && digest == d.Archive.TarDigest, nil
	}
	return false, nil
}

// read reads a URL or a local file.
func read(ctx context.Context, r *remote.Registry, place string, limit int64) ([]byte, error) {
	if filepath.IsAbs(place) {
		return atomicfile.Read(place, limit)
	}
	response, err := r.Client.Get(ctx, place, web.GetOptions{MaxBytes: limit})
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}
