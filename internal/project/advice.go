package project

import (
	"context"
	"fmt"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
)

// Yanked is a package in use that should not be chosen any more.
type Yanked struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Class   string `json:"class"` // one of index.YankClasses
	Reason  string `json:"reason"`
}

// String is the sentence that says so: `mailbox 1.1.0 is yanked (security): it leaks`.
func (y Yanked) String() string {
	return fmt.Sprintf("%s %s is yanked (%s): %s", y.Name, y.Version, y.Class, y.Reason)
}

// Deprecated is a package in use that its owners advise against as a whole.
type Deprecated struct {
	Name        string `json:"name"`
	Message     string `json:"message"`
	Replacement string `json:"replacement"` // name of another package, "" for none
}

// String is the sentence that says so: `mailbox is deprecated: no longer developed (use letters)`.
func (d Deprecated) String() string {
	text := d.Name + " is deprecated"
	if d.Message != "" {
		text += ": " + d.Message
	}
	if d.Replacement != "" {
		text += " (use " + d.Replacement + ")"
	}
	return text
}

// Advice is what registries have to say of packages that a lock has from them, beside newer versions.
type Advice struct {
	Yanked     []Yanked     `json:"yanked"`
	Deprecated []Deprecated `json:"deprecated"`
}

// add adds what a package's file in the index says of a locked version.
func (a *Advice) add(pkg *index.Package, l manifest.LockedPackage) {
	if release := pkg.Release(l.Version); release != nil {
		if y := release.Yanked(); y != nil {
			a.Yanked = append(a.Yanked, Yanked{l.Name, l.Version.String(), y.Class, y.Reason})
		}
	}
	if d := pkg.Deprecated; d != nil && (len(a.Deprecated) == 0 || a.Deprecated[len(a.Deprecated)-1].Name != l.Name) {
		a.Deprecated = append(a.Deprecated, Deprecated{l.Name, d.Message, d.Replacement})
	}
}

// AdviceOf collects what a registry says of the packages that gal.lock has from it. Of an offline registry that is what was
// last seen, and nothing of packages that were not.
func (p *Project) AdviceOf(ctx context.Context, r *remote.Registry) (a Advice, err error) {
	var locked []manifest.LockedPackage
	var names []string
	for _, l := range p.Lock.Packages {
		if l.Source == manifest.Registry(r.ID()) {
			locked, names = append(locked, l), append(names, l.Name)
		}
	}
	err = r.Snapshot.Load(ctx, names)
	for _, l := range locked {
		if pkg, missing := r.Snapshot.Package(ctx, l.Name); missing == nil {
			a.add(pkg, l)
		}
	}
	return a, err
}
