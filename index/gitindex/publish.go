package gitindex

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// Commit writes a commit on top of the store's revision into the store, and returns its id. Only the folders on the
// edited paths are touched, and fetched where they are missing; the contents come whole with the edits, so that no file
// needs to be there; what is appended to comes from [Store.Fetch]. Nothing else sees the commit before [Store.Push].
func (s *Store) Commit(ctx context.Context, edits []Edit, info CommitInfo) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return "", err
	}
	paths := make([]string, len(edits))
	for i, e := range edits {
		paths[i] = e.Path
	}
	if _, err := s.locate(ctx, paths, nothing); err != nil {
		return "", err
	}
	h, err := s.repo().Commit(ctx, []gitrepo.Hash{s.revision}, edits, info)
	if err != nil {
		return "", s.explainRead(err)
	}
	return h.String(), nil
}

// Refs lists the refs of the remote whose full names begin with prefix, sorted: "refs/heads/publish/" gives the open
// proposals of a registry without a forge.
func (s *Store) Refs(ctx context.Context, prefix string) ([]RefEntry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.local != nil {
		return s.local.Refs(prefix)
	}
	defer s.remote.rest()
	return s.remote.refs(ctx, prefix)
}

// PushOptions of [Store.Push].
type PushOptions struct {
	URL     string            // where to push instead of the store's own remote, a fork for instance
	Options map[string]string // git push options, where the server takes them: topic and title for refs/for/BRANCH
}

// Push creates a ref, by its full name, for a commit that [Store.Commit] has made. Nothing is ever forced: a ref that is
// there is an error with code "git-branch-exists", unless it is at this very commit already, which is success, so that a
// push whose answer was lost can be repeated. A refusal of the server is a fault of kind Negative, "git-push-refused".
func (s *Store) Push(ctx context.Context, ref, commit string, opts PushOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return err
	}
	if err := gitrepo.CheckRefName(ref); err != nil {
		return err
	}
	tip, err := gitrepo.ParseHash(commit)
	if err != nil {
		return err
	}
	to := s.remote
	if opts.URL != "" {
		at, err := parseLocation(opts.URL, s.opts.AllowInsecure)
		if err != nil {
			return err
		}
		if at.scheme == "file" {
			return fault.New(fault.Usage, "git-url", "pushing from one repository to another on this machine is not supported").
				WithFact("to %q", opts.URL)
		}
		to = newRemote(at, s.opts)
	}
	if to == nil {
		return s.pushLocal(ref, tip)
	}
	pack, err := s.pushPack(ctx, tip)
	if err != nil {
		return err
	}
	defer to.rest()
	return to.push(ctx, ref, tip, pack, opts.Options)
}

// pushLocal has nothing to send: the commit is in the repository already.
func (s *Store) pushLocal(ref string, tip gitrepo.Hash) error {
	err := s.local.CompareAndSwap(ref, gitrepo.Hash{}, tip)
	if !errors.Is(err, gitrepo.ErrChanged) {
		return err
	}
	if at, refErr := s.local.Ref(ref); refErr == nil && at == tip {
		return nil
	}
	return branchExists(s.opts.URL, ref)
}

func branchExists(url, ref string) error {
	return fault.New(fault.Negative, "git-branch-exists", "%q has a ref %q already, with another commit", url, ref)
}

// pushPack returns what the commit adds to its parent, which the server has: a pack of a few objects.
func (s *Store) pushPack(ctx context.Context, tip gitrepo.Hash) ([]byte, error) {
	repo := s.repo()
	c, err := repo.ReadCommit(tip)
	if err != nil {
		return nil, err
	}
	var base gitrepo.Hash
	if len(c.Parents) > 0 {
		base = c.Parents[0]
	}
	hashes, err := repo.NewObjects(ctx, base, tip)
	if err != nil {
		return nil, err
	}
	var pack bytes.Buffer
	err = repo.WritePack(&pack, hashes, MaxFileBytes)
	return pack.Bytes(), err
}

// push sends the commit. After an error that leaves open whether it took effect, the server's refs decide.
func (r *remote) push(ctx context.Context, ref string, tip gitrepo.Hash, pack []byte, options map[string]string) error {
	done, err := r.pushOnce(ctx, ref, tip, pack, options)
	if done || err == nil || fault.KindOf(err) == fault.Auth || ctx.Err() != nil {
		return err
	}
	if at, listErr := r.refs(ctx, ref); listErr == nil {
		for _, e := range at {
			if e.Name == ref && e.Hash == tip {
				return nil
			}
		}
	}
	return err
}

// pushOnce reports in done whether err needs no second look.
func (r *remote) pushOnce(ctx context.Context, ref string, tip gitrepo.Hash, pack []byte, options map[string]string) (done bool, err error) {
	auth, err := r.pushAuth()
	if err != nil {
		return true, r.explain(err)
	}
	session, err := dial(ctx, r, func() (transport.ReceivePackSession, error) {
		return r.pushTransport().NewReceivePackSession(r.at.endpoint(), auth)
	})
	if err != nil {
		return true, r.explain(err)
	}
	defer session.Close()
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return true, r.explain(err)
	}
	if at, ok := refs.References[ref]; ok {
		if at == tip {
			return true, nil
		}
		return true, branchExists(r.at.text, ref)
	}
	report, err := session.ReceivePack(ctx, pushRequest(refs, ref, tip, pack, options))
	if report != nil && report.Error() != nil {
		return false, fault.New(fault.Negative, "git-push-refused", "the git server of %q refuses %q", r.at.text, ref).
			WithFact("it says: %s", quoted(report.Error()))
	}
	return false, r.explain(err)
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

func pushRequest(refs *packp.AdvRefs, ref string, tip gitrepo.Hash, pack []byte, options map[string]string) *packp.ReferenceUpdateRequest {
	req := packp.NewReferenceUpdateRequestFromCapabilities(refs.Capabilities)
	req.Commands = []*packp.Command{{Name: plumbing.ReferenceName(ref), New: tip}}
	req.Packfile = io.NopCloser(bytes.NewReader(pack))
	if refs.Capabilities.Supports(capability.Sideband64k) {
		req.Capabilities.Set(capability.Sideband64k)
	}
	if len(options) > 0 && refs.Capabilities.Supports(capability.PushOptions) {
		req.Capabilities.Set(capability.PushOptions)
		for _, key := range slices.Sorted(maps.Keys(options)) {
			req.Options = append(req.Options, &packp.Option{Key: key, Value: options[key]})
		}
	}
	return req
}
