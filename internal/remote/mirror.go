package remote

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/fetch/hosts"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
)

// A mirror is a copy of a registry's published tree, at an address of any kind. It is trusted with nothing: what it has is
// verified as what the registry's own host has. By default mirrors are asked for archives before the registry is. Where the
// origin is blocked, the mirrors are all there is: the index comes from the first of them that answers, archives come from
// any, and a request that would go to the registry's own host, by a template, a redirect or a proposal, is not sent.

// openMirror opens a registry at the first of its mirrors that can be reached, those last whose hosts failed lately. One that
// shows something wrong ends it: to go on to the next would let a host choose whom we ask.
func (s *Set) openMirror(ctx context.Context, r *Registry, pin string) error {
	known := hosts.Load(s.o.CacheDir, s.o.Clock)
	mirrors := known.Order(r.Spec.Mirrors)
	var failed []error
	for i, mirror := range mirrors {
		at, err := Locate(mirror)
		if err != nil {
			return err
		}
		err = s.openAt(ctx, r, at.copied(), pin)
		kind := fault.KindOf(err)
		if !s.o.Offline && ctx.Err() == nil {
			known.Note(mirror, kind != fault.Network)
			known.Save()
		}
		if err == nil {
			s.tellPassed(r, mirrors[:i+1], failed)
		}
		if err == nil || kind != fault.Network && kind != fault.NotFound || ctx.Err() != nil {
			return err
		}
		failed = append(failed, err)
	}
	f := fault.New(fault.Network, "no-mirror", "none of the %d mirrors of registry %s can be read, and its origin is blocked", len(failed), r.Spec.Name)
	if len(failed) == 0 {
		f = fault.New(fault.Manifest, "no-mirror", "registry %s has no mirrors, and its origin is blocked", r.Spec.Name)
	}
	for _, err := range failed {
		f.WithFact("%s", err.Error())
	}
	return f.WithHelp(`origin = "block"    # in registries.toml, is what forbids to ask %s`, web.Redact(r.Spec.URL)).Because(errors.Join(failed...))
}

// tellPassed tells of mirrors that go before the one that a registry is read from, the last that was asked, and are not used:
// those that failed now, and those that were not asked, since they failed a moment ago.
func (s *Set) tellPassed(r *Registry, asked []string, failed []error) {
	used := asked[len(asked)-1]
	for _, err := range failed {
		s.o.Warning("registry %s is read from its mirror %s: %v", r.Spec.Name, web.Redact(used), err)
	}
	for _, mirror := range r.Spec.Mirrors[:slices.Index(r.Spec.Mirrors, used)] {
		if !slices.Contains(asked, mirror) {
			s.o.Notice("registry %s is read from its mirror %s: %s failed in the last minutes, and is asked last", r.Spec.Name, web.Redact(used), web.Redact(mirror))
		}
	}
}

// blocked returns which origins no request may go to; nil for none.
func (s Spec) blocked() func(origin string) bool {
	if !s.BlockOrigin {
		return nil
	}
	own, err := web.Origin(strings.TrimPrefix(s.URL, "git+"))
	return func(origin string) bool { return err == nil && origin == own }
}

// address is where the registry was opened; its own address, as it is written, unless that is a mirror's.
func (r *Registry) address() string {
	if r.Spec.BlockOrigin {
		return r.Location.URL
	}
	return r.Spec.URL
}

// URLs returns where the archive of a version of a package may be fetched, in the order to try: mirrors first, then the
// places that the registry and the line name.
func (r *Registry) URLs(name string, p *index.Publish) []string {
	var urls []string
	add := func(list ...string) {
		for _, u := range list {
			if !slices.Contains(urls, u) {
				urls = append(urls, u)
			}
		}
	}
	path := index.ArchivePath(name, p.Version.String())
	switch own := r.Location.Tree + "/" + path; r.Location.Kind {
	case KindDir:
		// A folder or tar that has it need not ask where its registry keeps it.
		if file := filepath.FromSlash(own); isFile(file) {
			add(file)
		}
	case KindTar:
		if t, ok := r.transport.(*index.Tar); ok && t.Has(path) {
			add(own)
		}
	}
	config := r.Snapshot.Config()
	for _, mirror := range r.Spec.Mirrors {
		if at, err := Locate(mirror); err == nil && at.Tree != "" {
			add(config.CopyURLs(at.Tree, name, p)...)
		}
	}
	if r.Spec.BlockOrigin {
		return urls
	}
	base := r.Location.Tree
	if config.StaticURL != "" && r.Location.Kind == KindGit {
		base = config.StaticURL
	}
	add(config.DownloadURLs(base, name, p)...)
	return urls
}
