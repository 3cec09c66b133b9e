package project

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
)

// asker is the manifest that asks for a dependency.
type asker struct {
	rel  string       // its folder, relative to the project's
	root bool         // it is of the project itself
	git  string       // the address of the repository that it is in, "" for a folder
	of   manifest.Ref // what it is in gal.lock, but for its version; of a repository alone
}

// rootAsker is the manifest whose policy holds for the whole project.
func rootAsker() asker { return asker{rel: ".", root: true} }

// gitFault is an error about a dependency from git.
func gitFault(format string, args ...any) *fault.Error {
	return fault.New(fault.Manifest, "git-dependency", format, args...)
}

// wantedSource is what an entry of a manifest asks for, before it is known at which commit that is. The address is without
// the prefix git+, so that one repository has one spelling in gal.lock.
func wantedSource(spec manifest.DependencySpec) manifest.Source {
	s := manifest.Source{Kind: manifest.GitSource, Location: strings.TrimPrefix(spec.Git, "git+")}
	switch {
	case spec.Tag != "":
		s.RefKind, s.Ref = "tag", spec.Tag
	case spec.Branch != "":
		s.RefKind, s.Ref = "branch", spec.Branch
	case spec.Rev != "":
		s.RefKind, s.Ref = "rev", spec.Rev
	}
	return s
}

// checkAddress refuses addresses that whoever asks may not name. A package from elsewhere must not make this machine read
// its own folders, or ask its own servers.
func checkAddress(by asker, address string) error {
	u, err := url.Parse(address)
	if err != nil || !strings.Contains(address, "://") {
		return gitFault("%q is not the address of a git repository", address).
			WithFact("an address is https://HOST/..., ssh://USER@HOST/... or file:///DIR")
	}
	switch u.Scheme {
	case "https", "ssh":
		return nil
	case "file":
		if by.root {
			return nil
		}
		return gitFault("%q is a folder of this machine, which only the project's own gal.toml can name", address)
	case "http":
		if isLoopback(u.Hostname()) && (by.root || onLoopback(by.git)) {
			return nil
		}
		return gitFault("%q is not encrypted; plain http is for this machine alone", address).WithHelp("use https://")
	}
	return gitFault("%q begins with none of https://, ssh:// and file://", address)
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

func onLoopback(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "http" && isLoopback(u.Hostname())
}

// gitDependency finds the commit of a dependency: the one in gal.lock, unless it is to move, else that of its ref.
func (s *source) gitDependency(ctx context.Context, by asker, name string, spec manifest.DependencySpec) (manifest.Source, error) {
	want := wantedSource(spec)
	if err := checkAddress(by, want.Location); err != nil {
		return want, err
	}
	s.mu.Lock()
	known, ok := s.commits[want]
	s.mu.Unlock()
	if ok {
		return known, nil
	}
	found, locked := s.lockedCommit(name, want)
	if !locked {
		var err error
		if found, err = s.newestCommit(ctx, name, want); err != nil {
			return want, err
		}
	}
	s.mu.Lock()
	s.commits[want] = found
	s.mu.Unlock()
	return found, nil
}

// newestCommit asks a repository for the commit that the ref of a source has now.
func (s *source) newestCommit(ctx context.Context, name string, from manifest.Source) (manifest.Source, error) {
	options, err := s.gitOptions(from)
	if err != nil {
		return from, err
	}
	ref := gitindex.Ref{}
	switch from.RefKind {
	case "tag":
		ref.Tag = from.Ref
	case "branch":
		ref.Branch = from.Ref
	case "rev":
		ref.Rev = from.Ref
	}
	from.Commit, err = gitindex.Resolve(ctx, options, ref)
	return from, explainGit(name, err)
}

// lockedCommit looks for what is wanted in gal.lock.
func (s *source) lockedCommit(name string, want manifest.Source) (manifest.Source, bool) {
	if s.project.Lock == nil || s.moves(name) {
		return want, false
	}
	for _, l := range s.project.Lock.Find(name) {
		without := l.Source
		without.Commit = ""
		if without == want {
			return l.Source, true
		}
	}
	return want, false
}

// moves reports whether a package is to leave the commit that it is locked to.
func (s *source) moves(name string) bool {
	u := s.unlock
	if u.All {
		return true
	}
	x := s.project.Lock.Index()
	seen := map[string]bool{}
	queue := slices.Clone(u.Names)
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		if manifest.Fold(next) == manifest.Fold(name) {
			return true
		}
		if seen[next] || !u.Recursive {
			continue
		}
		seen[next] = true
		for _, l := range s.project.Lock.Find(next) {
			for _, ref := range l.Dependencies {
				if to, err := x.Resolve(ref); err == nil {
					queue = append(queue, to.Name)
				}
			}
		}
	}
	return false
}

// gitOptions say how a repository is reached: without credentials, but for the keys of an ssh agent.
func (s *source) gitOptions(from manifest.Source) (gitindex.Options, error) {
	o := gitindex.Options{URL: "git+" + from.Location, Commit: from.Commit, Offline: s.set.Offline()}
	client, err := s.set.Anonymous()
	if err != nil {
		return o, err
	}
	o.HTTP = client.HTTP()
	return o, nil
}

// withCommit opens the sparse copy of a commit, which is made where it is not in the cache: below git/ in the cache folder.
func (s *source) withCommit(ctx context.Context, name string, from manifest.Source, fn func(*gitindex.Store) error) error {
	options, err := s.gitOptions(from)
	if err != nil {
		return err
	}
	dir := filepath.Join(s.set.CacheDir(), "git", fmt.Sprintf("%x", sha256.Sum256([]byte(from.Location)))[:16], from.Commit)
	store, err := gitindex.Open(dir, options)
	if err != nil {
		return explainGit(name, err)
	}
	defer store.Close()
	if store.Revision() == "" {
		if _, err := store.Refresh(ctx); err != nil {
			return explainGit(name, err)
		}
	}
	return explainGit(name, fn(store))
}

// explainGit says of which dependency an error is, and what can be done here where that is not what a registry's user does.
func explainGit(name string, err error) error {
	found := fault.Of(err)
	if found == nil {
		if err == nil || errors.Is(err, context.Canceled) {
			return err
		}
		return fmt.Errorf("dependency `%s`: %w", name, err)
	}
	if strings.HasPrefix(found.Message, "dependency `") {
		return err
	}
	f := fault.New(found.Kind, found.Code, "dependency `%s`: %s", name, found.Message)
	f.Facts, f.Help, f.Err = found.Facts, found.Help, found.Err
	switch found.Code {
	case "git-ref-name":
		f.Kind, f.Code = fault.Manifest, "git-dependency"
	case "git-url", "git-url-credentials", "git-url-insecure":
		f.Kind, f.Code, f.Help = fault.Manifest, "git-dependency", nil
		f.Message = fmt.Sprintf("dependency `%s`: gal.toml names a git repository by an address that is not allowed", name)
		f.WithFact("an address is https://HOST/..., ssh://USER@HOST/... or file:///DIR, with a plain path")
	case "git-auth-required", "git-auth-refused", "git-repository-not-found":
		f.Help = []string{"use an ssh:// address for a private repository, with its key in the ssh agent"}
	case "index-file-too-large":
		f.Message = fmt.Sprintf("dependency `%s`: a file of its repository is too large", name)
	}
	return f
}

// fromGit reads a git dependency: the one version that the manifest of its commit says.
func (s *source) fromGit(ctx context.Context, from manifest.Source, name string) ([]resolve.Candidate, error) {
	m, err := s.gitManifest(ctx, from, name)
	if err != nil {
		return nil, err
	}
	c := resolve.Candidate{
		Version: m.Package.Version, Links: m.Package.Links, GalVersion: m.Package.GalVersion, Features: m.Features,
	}
	c.Dependencies, err = s.dependencies(ctx, m, asker{rel: ".", git: from.Location, of: manifest.Ref{Name: name, Source: from}})
	return []resolve.Candidate{c}, err
}

// gitManifest reads the manifest of a commit, and nothing else of it where the server can do that.
func (s *source) gitManifest(ctx context.Context, from manifest.Source, name string) (*manifest.Manifest, error) {
	var text []byte
	err := s.withCommit(ctx, name, from, func(store *gitindex.Store) error {
		files, err := store.Fetch(ctx, []string{manifest.FileName})
		if err != nil {
			return err
		}
		var ok bool
		if text, ok = files[manifest.FileName]; !ok {
			return gitFault("dependency `%s`: the repository has no gal.toml at its top", name).WithFact("%s", from)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	m, err := manifest.Parse(from.Location+"/"+manifest.FileName, text)
	if err != nil {
		return nil, err
	}
	if m.Inherits() {
		if m, err = m.Inherit(m); err != nil {
			return nil, err
		}
	}
	if m.Package == nil || m.Package.Name != name {
		return nil, fault.New(fault.Manifest, "wrong-package", "the repository %s is not the package `%s`", from.Location, name).
			WithFact("commit %s", from.Commit)
	}
	return m, nil
}
