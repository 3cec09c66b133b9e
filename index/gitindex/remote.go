package gitindex

import (
	"context"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
	gogitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"

	"github.com/geeknik/gal-pkg/index/gitindex/gitwire"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// remote speaks with one server. What it carries that over is made here, not taken from go-git's global table, in which
// file:// runs the program git.
type remote struct {
	at    location
	opts  Options
	meter *meter
	open  *talk // kept for the next request; see rest
}

func newRemote(l location, opts Options) *remote {
	return &remote{at: l, opts: opts, meter: &meter{maxPack: opts.MaxPackBytes}}
}

// pushTransport is go-git's, and pushAuth what it signs in with: a push has no v2.
func (r *remote) pushTransport() transport.Transport {
	if r.at.scheme == "ssh" {
		return gogitssh.NewClient(nil)
	}
	return httpTransport(r.at, r.opts, r.meter)
}

func (r *remote) pushAuth() (transport.AuthMethod, error) {
	if r.at.scheme == "ssh" {
		return sshAuth(r.at)
	}
	if auth := httpAuth(r.at, r.opts); auth != nil {
		return auth, nil
	}
	return nil, nil
}

// talk returns a talk that can be asked, the open one if there is one.
func (r *remote) talk(ctx context.Context) (*talk, error) {
	if r.opts.Offline {
		return nil, fault.New(fault.Network, "offline-miss", "a part of %q is not in the cache, and --offline forbids to ask for it", r.at.text).
			WithHelp("run once without --offline")
	}
	if r.open != nil {
		return r.open, nil
	}
	var l line
	if r.at.scheme == "ssh" {
		l = &sshLine{at: r.at, meter: r.meter}
	} else {
		l = newHTTPLine(r.at, r.opts, r.meter)
	}
	t, err := opened(ctx, l)
	if err != nil {
		l.close()
		return nil, r.explain(err)
	}
	r.open = t
	return t, nil
}

// hangUp ends the open talk.
func (r *remote) hangUp() {
	if r.open != nil {
		r.open.close()
		r.open = nil
	}
}

// rest ends what must not stay open while nothing is asked: a connection of ssh. Over HTTP there is none, and what the
// server can do stays known; the refs of a v0 greeting grow old, but fetching goes by id.
func (r *remote) rest() {
	if r == nil || r.open == nil {
		return
	}
	r.open.stale = true
	if r.at.scheme == "ssh" {
		r.hangUp()
	}
}

// list returns the server's refs of now.
func (r *remote) list(ctx context.Context, prefixes ...string) ([]gitwire.Ref, error) {
	if r.open != nil && r.open.hello.Version == 0 && r.open.stale {
		r.hangUp()
	}
	t, err := r.talk(ctx)
	if err != nil {
		return nil, err
	}
	t.stale = true
	refs, err := t.refs(ctx, prefixes...)
	if err != nil {
		r.hangUp()
	}
	return refs, r.explain(err)
}

// refs returns the refs of the server whose names begin with prefix, sorted.
func (r *remote) refs(ctx context.Context, prefix string) ([]RefEntry, error) {
	refs, err := r.list(ctx, prefix)
	if err != nil {
		return nil, err
	}
	var found []RefEntry
	for _, ref := range refs {
		if strings.HasPrefix(ref.Name, prefix) && gitrepo.CheckRefName(ref.Name) == nil {
			found = append(found, RefEntry{Name: ref.Name, Hash: ref.Object})
		}
	}
	slices.SortFunc(found, func(a, b RefEntry) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// answer is what came of a fetch.
type answer struct {
	version  int  // of the protocol
	filtered bool // the server left out what it was asked to
	pack     gitrepo.PackInfo
}

// fetch asks for objects and adds them to repo.
func (r *remote) fetch(ctx context.Context, repo *gitrepo.Repo, ask gitwire.Fetch) (answer, error) {
	t, err := r.talk(ctx)
	if err != nil {
		return answer{}, err
	}
	a := answer{version: t.hello.Version, filtered: ask.Filter != "" && t.hello.Filters()}
	a.pack, err = r.fetchPack(ctx, t, repo, ask)
	if err != nil {
		if r.at.scheme == "ssh" || !isServersWord(err) {
			r.hangUp() // the server may be another one than the greeting was of
		}
		return answer{}, r.explain(err)
	}
	if t.hello.Version == 0 && r.at.scheme == "ssh" {
		r.hangUp() // v0 ends with the pack
	}
	r.meter.objects.Add(int64(a.pack.Objects()))
	return a, nil
}

func (r *remote) fetchPack(ctx context.Context, t *talk, repo *gitrepo.Repo, ask gitwire.Fetch) (gitrepo.PackInfo, error) {
	body, err := t.ask(ctx, ask.Request(t.hello))
	if err != nil {
		return gitrepo.PackInfo{}, err
	}
	defer body.Close()
	// The pack's own limit is exact. Around it come the frames that it is sent in, and the server's talk.
	src := &bounded{body, framed(r.opts.MaxPackBytes)}
	pack, err := ask.ReadPack(t.hello, src)
	if err != nil {
		return gitrepo.PackInfo{}, err
	}
	limits := gitrepo.PackLimits{MaxBytes: r.opts.MaxPackBytes, MaxObject: MaxFileBytes, Promised: true, Thin: !ask.Have.IsZero()}
	return repo.AddPack(ctx, pack, limits)
}

// framed is what a pack of n bytes may be with its frames.
func framed(n int64) int64 { return n + n/16 + 1<<20 }
