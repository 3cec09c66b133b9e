package project

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
	"github.com/geeknik/gal-pkg/version"
)

// Standing is a locked package beside what its registry offers now. Of a package from git, Locked, Compatible and Newest are
// commits.
type Standing struct {
	Name       string           `json:"name"`
	Registry   string           `json:"registry"`             // its id, "" for git
	Repository string           `json:"repository,omitempty"` // where in git it is from, without the commit
	Direct     bool             `json:"direct"`               // a package of the project itself asks for it
	Locked     string           `json:"locked"`
	Compatible string           `json:"compatible"` // newest that everything which asks for it allows; "" for none
	Newest     string           `json:"newest"`     // newest of all, "" where every version is yanked
	Yanked     string           `json:"yanked"`     // why the locked version should not be chosen any more
	Deprecated *index.Deprecate `json:"-"`
	HeldBy     []Demand         `json:"held-by"` // requirements that keep the newest out
	Policy     string           `json:"policy"`  // why the project's policy does, "" where it does not
}

// Demand is what one package asks of another.
type Demand struct {
	By          string `json:"by"`
	Requirement string `json:"requirement"`
	Where       string `json:"where"` // gal.toml:14; "" outside of the project
}

// Outdated reports whether there is something to be done about the package.
func (s Standing) Outdated() bool {
	return s.Yanked != "" || s.Deprecated != nil || s.Newest != "" && s.Newest != s.Locked
}

// Standings says of every package in gal.lock that is from a registry or from git, in its order, what newer versions there
// are. It needs the index files of those packages and no others, and changes nothing. Offline, git is left out. Now is what
// spans such as exclude-newer = "7 days" count from. A version that its registry does not stand by any more is an error:
// fault.Integrity "version-vanished", "key-compromised".
func (p *Project) Standings(ctx context.Context, set *remote.Set, now time.Time) ([]Standing, error) {
	if p.Lock == nil {
		return nil, p.ErrNoLock()
	}
	s := newSource(ctx, p, set)
	defer s.wait()
	s.prefetchLock()
	demands, err := s.demands(ctx)
	if err != nil {
		return nil, err
	}
	limits, err := s.limits(ctx, now)
	if err != nil {
		return nil, err
	}
	list := []Standing{}
	for _, l := range p.Lock.Packages {
		if l.Source.Kind == manifest.GitSource {
			standing, err := s.gitStanding(ctx, l, demands[l.Ref()])
			if err != nil {
				return nil, err
			}
			if standing != nil {
				list = append(list, *standing)
			}
		}
		if l.Source.Kind != manifest.RegistrySource {
			continue
		}
		r, err := set.ByID(ctx, l.Source.Location)
		if err != nil {
			return nil, err
		}
		if err := r.Snapshot.StandsBy(ctx, index.Want{Name: l.Name, Version: l.Version}); fault.KindOf(err) == fault.Integrity {
			return nil, err
		}
		pkg, err := r.Snapshot.Package(ctx, l.Name)
		if err != nil {
			return nil, err
		}
		list = append(list, standing(l, pkg, demands[l.Ref()], limits))
	}
	return list, nil
}

// demand is a requirement with who has it.
type demand struct {
	Demand
	requirement version.Requirement
	direct      bool
}

// demands collects, for every locked package, what the packages that depend on it ask of it.
func (s *source) demands(ctx context.Context) (map[manifest.Ref][]demand, error) {
	all := map[manifest.Ref][]demand{}
	x := s.project.Lock.Index()
	for _, l := range s.project.Lock.Packages {
		asked, direct, err := s.asked(ctx, l)
		if err != nil {
			return nil, err
		}
		for _, ref := range l.Dependencies {
			to, err := x.Resolve(ref)
			if err != nil {
				return nil, fault.New(fault.Manifest, "bad-lock", "gal.lock is wrong about `%s`", l.Name).Because(err)
			}
			for _, d := range asked {
				if d.ID.Name == to.Name && d.ID.Source == to.Source.String() && (d.Requirement.IsZero() || d.Requirement.Matches(to.Version)) {
					all[to.Ref()] = append(all[to.Ref()], demand{Demand{l.Name, d.Requirement.String(), d.Where}, d.Requirement, direct})
				}
			}
		}
	}
	return all, nil
}

// asked returns the dependencies that a locked package states, and whether it is one of the project's own.
func (s *source) asked(ctx context.Context, l manifest.LockedPackage) (list []resolve.Dependency, own bool, err error) {
	if m := s.project.member(l); m != nil {
		root, err := s.root(ctx, m)
		return root.Dependencies, true, err
	}
	if len(l.Dependencies) == 0 {
		return nil, false, nil
	}
	candidates, err := s.Candidates(ctx, resolve.PackageID{Source: l.Source.String(), Name: l.Name})
	if err != nil {
		return nil, false, err
	}
	i := slices.IndexFunc(candidates, func(c resolve.Candidate) bool { return c.Version.Equal(l.Version) })
	if i < 0 {
		return nil, false, nil // gone from its folder, or taken back: whoever installs it hears of that
	}
	return candidates[i].Dependencies, false, nil
}

// limits are what the project's policy keeps out of every choice.
type limits struct {
	cutoff time.Time
	of     map[string]time.Time // by name, or by source
	aged   time.Time            // what is younger waits for its min_release_age
	gal    version.Version      // the least that the project builds with; zero where newer ones are welcome
}

func (s *source) limits(ctx context.Context, now time.Time) (limits, error) {
	l := limits{aged: s.project.agedBefore(now)}
	if c := s.project.root.Resolver.ExcludeNewer; !c.IsZero() {
		l.cutoff = c.At(now)
	}
	if s.project.root.Resolver.IncompatibleGalVersions != manifest.GalVersionsAllow {
		for _, m := range s.project.Members {
			if v := m.Manifest.Package.GalVersion; !v.IsZero() && (l.gal.IsZero() || v.Less(l.gal)) {
				l.gal = v
			}
		}
	}
	var err error
	l.of, err = s.cutoffs(ctx, now)
	return l, err
}

// forbid says why the policy keeps a release out, "" where it does not.
func (l limits) forbid(p manifest.LockedPackage, r *index.Release) string {
	cutoff, ok := l.of[p.Name]
	if !ok {
		cutoff, ok = l.of[p.Source.String()]
	}
	if !ok {
		cutoff = l.cutoff
	}
	if !cutoff.IsZero() && r.At.After(cutoff) {
		return "published after " + cutoff.UTC().Format(time.DateOnly) + " (exclude-newer)"
	}
	if !l.aged.IsZero() && r.At.After(l.aged) {
		return "published after " + l.aged.UTC().Format(time.DateOnly) + " (min_release_age)"
	}
	if needs, err := version.Parse(r.Publish.GalVersion); err == nil && !l.gal.IsZero() && l.gal.Less(needs) {
		return "needs gal-version " + needs.String()
	}
	return ""
}

// standing compares one locked package with its releases.
func standing(l manifest.LockedPackage, p *index.Package, demands []demand, limits limits) Standing {
	s := Standing{
		Name: l.Name, Registry: l.Source.Location, Locked: l.Version.String(), Deprecated: p.Deprecated, HeldBy: []Demand{},
		Direct: slices.ContainsFunc(demands, func(d demand) bool { return d.direct }),
	}
	if r := p.Release(l.Version); r != nil && r.Yanked() != nil {
		s.Yanked = strings.TrimSpace(r.Yanked().Class + ": " + r.Yanked().Reason)
	}
	var best version.Version
	for _, r := range p.Releases {
		fits := !slices.ContainsFunc(demands, func(d demand) bool { return !d.requirement.IsZero() && !d.requirement.Matches(r.Version) })
		if !fits || !r.Offered() || r.Yanked() != nil || !best.IsZero() && !best.Less(r.Version) {
			continue
		}
		if r.Version.Equal(l.Version) || limits.forbid(l, r) == "" {
			best, s.Compatible = r.Version, r.Version.String()
		}
	}
	newest := p.Newest()
	if newest == nil {
		return s
	}
	s.Newest = newest.Version.String()
	if newest.Version.Less(l.Version) && s.Yanked == "" {
		s.Newest = s.Locked // a pre-release of what comes next is not behind
		return s
	}
	if !newest.Version.Equal(l.Version) {
		s.Policy = limits.forbid(l, newest)
	}
	for _, d := range demands {
		if !d.requirement.IsZero() && !d.requirement.Matches(newest.Version) {
			s.HeldBy = append(s.HeldBy, d.Demand)
		}
	}
	return s
}
