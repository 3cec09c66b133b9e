package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/tools/site"
)

// AnswerTo returns what the registry says of the proposal on a branch, nil where it has not said anything yet.
func AnswerTo(ctx context.Context, r *remote.Registry, branch string) (*site.Outcome, error) {
	subject, hex, ok := index.ParseProposalBranch(branch)
	if r.Location.Tree == "" || !ok {
		return nil, nil
	}
	place := r.Location.Tree + "/" + index.GatePath(subject, hex)
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
