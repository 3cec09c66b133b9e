package gitindex

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	gogitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// remote speaks protocol v0 with one server. Its transports are made here, not taken from go-git's global table, in which
// file:// runs the program git.
type remote struct {
	at        location
	opts      Options
	transport transport.Transport
	meter     *meter
	open      *exchange // over HTTP, kept from the last list of refs: a fetch is then one request
}

// exchange is a session whose list of refs was read.
type exchange struct {
	session transport.UploadPackSession
	refs    *packp.AdvRefs
}

func newRemote(l location, opts Options) *remote {
	r := &remote{at: l, opts: opts, meter: &meter{maxPack: opts.MaxPackBytes}}
	if l.scheme == "ssh" {
		r.transport = gogitssh.NewClient(nil)
	} else {
		r.transport = httpTransport(l, opts, r.meter)
	}
	return r
}

func (r *remote) auth() (transport.AuthMethod, error) {
	if r.at.scheme == "ssh" {
		return sshAuth(r.at)
	}
	return httpAuth(r.at, r.opts), nil
}

// connect opens a session for fetching and reads the server's refs.
func (r *remote) connect(ctx context.Context) (*exchange, error) {
	if r.opts.Offline {
		return nil, fault.New(fault.Network, "offline-miss", "a part of %q is not in the cache, and --offline forbids to ask for it", r.at.text).
			WithHelp("run once without --offline")
	}
	auth, err := r.auth()
	if err != nil {
		return nil, r.explain(err)
	}
	session, err := dial(ctx, r, func() (transport.UploadPackSession, error) {
		return r.transport.NewUploadPackSession(r.at.endpoint(), auth)
	})
	if err != nil {
		return nil, r.explain(err)
	}
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		session.Close()
		return nil, r.explain(err)
	}
	return &exchange{session, refs}, nil
}

// dial runs open, which over ssh connects without knowing of ctx. When ctx ends first, the session is closed as soon as
// it is there.
func dial[S transport.Session](ctx context.Context, r *remote, open func() (S, error)) (S, error) {
	type result struct {
		session S
		err     error
	}
	if r.at.scheme == "ssh" {
		r.meter.requests.Add(1)
	}
	done := make(chan result, 1)
	go func() {
		s, err := open()
		done <- result{s, err}
	}()
	select {
	case got := <-done:
		return got.session, got.err
	case <-ctx.Done():
		go func() {
			if late := <-done; late.err == nil {
				late.session.Close()
			}
		}()
		var none S
		return none, ctx.Err()
	}
}

// refs returns the refs of the server whose names begin with prefix, sorted.
func (r *remote) refs(ctx context.Context, prefix string) ([]RefEntry, error) {
	ex, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	r.keep(ex)
	var found []RefEntry
	for name, h := range ex.refs.References {
		if strings.HasPrefix(name, prefix) && gitrepo.CheckRefName(name) == nil {
			found = append(found, RefEntry{Name: name, Hash: h})
		}
	}
	slices.SortFunc(found, func(a, b RefEntry) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// keep holds on to a session for later fetches, where a session can have several.
func (r *remote) keep(ex *exchange) {
	if r.at.scheme == "ssh" {
		ex.session.Close()
		return
	}
	r.open = ex
}

// request is what a fetch asks for.
type request struct {
	wants   []gitrepo.Hash
	depth   int  // 0: no limit, which is for blobs
	noBlobs bool // leave files out, where the server can
}

// fetch asks for objects and adds them to repo. It reports whether the server left the blobs out.
func (r *remote) fetch(ctx context.Context, repo *gitrepo.Repo, ask request) (filtered bool, err error) {
	ex := r.open
	if ex == nil {
		if ex, err = r.connect(ctx); err != nil {
			return false, err
		}
		if r.at.scheme != "ssh" {
			r.open = ex
		}
	}
	req := packp.NewUploadPackRequestFromCapabilities(ex.refs.Capabilities)
	req.Wants = slices.Clone(ask.wants)
	filtered = ask.noBlobs && ex.refs.Capabilities.Supports(capability.Filter)
	if filtered {
		req.Filter = packp.FilterBlobNone()
		req.Capabilities.Set(capability.Filter)
	}
	if ask.depth > 0 {
		req.Depth = packp.DepthCommits(ask.depth)
		req.Capabilities.Set(capability.Shallow)
	}
	if ex.refs.Capabilities.Supports(capability.NoProgress) {
		req.Capabilities.Set(capability.NoProgress)
	}
	resp, err := ex.session.UploadPack(ctx, req)
	if err != nil {
		return false, r.explain(err)
	}
	defer resp.Close()
	limits := gitrepo.PackLimits{MaxBytes: r.opts.MaxPackBytes, MaxObject: MaxFileBytes, Promised: true}
	_, err = repo.AddPack(ctx, r.count(demux(req, resp)), limits)
	if err != nil {
		return false, r.explain(err)
	}
	return filtered, nil
}

// demux takes the pack out of the frames that the request has agreed on.
func demux(req *packp.UploadPackRequest, resp io.Reader) io.Reader {
	switch {
	case req.Capabilities.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, resp)
	case req.Capabilities.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, resp)
	}
	return resp
}

// count counts the bytes of a pack that comes over ssh; over HTTP the meter has seen them already.
func (r *remote) count(src io.Reader) io.Reader {
	if r.at.scheme != "ssh" {
		return src
	}
	return io.TeeReader(src, counter{&r.meter.bytes})
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}
