package resolve

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/version"
)

// A universe is a small registry with its roots, written as text:
//
//	root app 1.0.0 gal=2.0.0                a root (path+app); its lines follow, indented
//	  a ^1                                  a dependency
//	  dev ? ! b >=1,<3 [x y] as bee         kind, optional, no default features, features, alias
//	  feature f = dep:c a/x b?/y            a feature
//	a 1.0.0 yanked links=z gal=1.0.0 at=2026-01-01 unusable
//	lock a 1.0.0                            a locked version
type universe struct {
	req      Request
	packages map[PackageID][]Candidate
	asked    map[PackageID]int
}

func registryID(name string) PackageID { return PackageID{"registry+r", name} }

func (u *universe) Candidates(_ context.Context, id PackageID) ([]Candidate, error) {
	u.asked[id]++
	if c, ok := u.packages[id]; ok {
		return c, nil
	}
	return nil, fault.New(fault.NotFound, "package-not-found", "no package named `%s` is in the registry", id.Name)
}

func (u *universe) Prefetch([]Hint) {}

func parseUniverse(t testing.TB, text string) *universe {
	t.Helper()
	u := &universe{packages: map[PackageID][]Candidate{}, asked: map[PackageID]int{}}
	p := universeParser{u: u, features: map[string][]string{}}
	for number, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if err := p.line(line, number+1); err != nil {
			t.Fatalf("universe line %d %q: %v", number+1, line, err)
		}
	}
	p.finish()
	return u
}

type universeParser struct {
	u        *universe
	name     string
	isRoot   bool
	c        Candidate
	features map[string][]string
}

func (p *universeParser) line(line string, number int) error {
	words := strings.Fields(line)
	if line[0] == ' ' || line[0] == '\t' {
		if words[0] == "feature" {
			p.c.Features[words[1]] = words[3:]
			return nil
		}
		return p.dependency(words, number)
	}
	p.finish()
	if words[0] == "lock" {
		p.u.req.Locked = append(p.u.req.Locked, Locked{registryID(words[1]), version.MustParse(words[2])})
		return nil
	}
	p.isRoot = words[0] == "root"
	if p.isRoot {
		words = words[1:]
	}
	p.name = words[0]
	v, err := version.Parse(words[1])
	p.c = Candidate{Version: v, Features: map[string][]string{}}
	for _, word := range words[2:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "yanked":
			p.c.Yanked, p.c.YankReason = true, value
		case "links":
			p.c.Links = value
		case "gal":
			p.c.GalVersion = version.MustParse(value)
		case "at":
			p.c.Published, err = time.Parse("2006-01-02", value)
		case "unusable":
			p.c.Unusable = "of an unknown edition"
		default:
			return fmt.Errorf("unknown word %q", word)
		}
	}
	return err
}

func (p *universeParser) dependency(words []string, number int) error {
	d := Dependency{DefaultFeatures: true}
	for {
		switch words[0] {
		case "dev":
			d.Kind = Dev
		case "build":
			d.Kind = Build
		case "?":
			d.Optional = true
		case "!":
			d.DefaultFeatures = false
		default:
			return p.target(d, words, number)
		}
		words = words[1:]
	}
}

func (p *universeParser) target(d Dependency, words []string, number int) error {
	d.ID, d.Alias = registryID(words[0]), words[0]
	if root, ok := strings.CutPrefix(words[0], "path:"); ok {
		d.ID, d.Alias = PackageID{"path+" + root, root}, root
	}
	r, err := version.ParseRequirement(words[1])
	d.Requirement = r
	rest := strings.Join(words[2:], " ")
	if at := strings.Index(rest, "["); at >= 0 {
		d.Features = strings.Fields(rest[at+1 : strings.Index(rest, "]")])
	}
	if _, alias, ok := strings.Cut(rest, "as "); ok {
		d.Alias = alias
	}
	if p.isRoot {
		d.Where = fmt.Sprintf("gal.toml:%d", number)
	}
	p.c.Dependencies = append(p.c.Dependencies, d)
	return err
}

func (p *universeParser) finish() {
	if p.name == "" {
		return
	}
	if p.isRoot {
		p.u.req.Roots = append(p.u.req.Roots, Root{
			ID: PackageID{"path+" + p.name, p.name}, Version: p.c.Version, Dependencies: p.c.Dependencies,
			Features: p.c.Features, Links: p.c.Links, GalVersion: p.c.GalVersion,
		})
	} else {
		p.u.packages[registryID(p.name)] = append(p.u.packages[registryID(p.name)], p.c)
	}
	p.name = ""
}

// summary writes a solution as "a 1.0.0 [f], b 2.0.0", without the roots.
func summary(sol *Solution) string {
	var words []string
	for _, p := range sol.Packages {
		if p.Root {
			continue
		}
		text := p.ID.Name + " " + p.Version.String()
		if len(p.Features) > 0 {
			text += " [" + strings.Join(p.Features, " ") + "]"
		}
		words = append(words, text)
	}
	return strings.Join(words, ", ")
}

func (u *universe) resolve(t testing.TB) (*Solution, error) {
	t.Helper()
	return Resolve(context.Background(), u.req, u)
}

// mustResolve resolves, and holds the answer against the rules.
func (u *universe) mustResolve(t testing.TB) *Solution {
	t.Helper()
	sol, err := u.resolve(t)
	if err != nil {
		if none, ok := err.(*NoSolution); ok {
			t.Fatal(none.Text())
		}
		t.Fatal(err)
	}
	if problems := u.check(sol); len(problems) > 0 {
		t.Fatalf("%s: %s", summary(sol), strings.Join(slices.Compact(problems), "; "))
	}
	return sol
}
