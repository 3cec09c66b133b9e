package manifest

import (
	"slices"
	"strings"
)

// FeatureRef is one item of a feature's list.
//
//	"f"     Feature: a feature of this package, or an optional dependency that no "dep:" names
//	"d/f"   Dependency and Feature: turns a feature of a dependency on, and the dependency where it is optional
//	"d?/f"  the same, Weak: only if something else turned the dependency on
//	"dep:d" Dependency alone: turns an optional dependency on
type FeatureRef struct {
	Feature    string
	Dependency string
	Weak       bool
}

// ParseFeatureRef reads an item. What follows the last slash is the feature, so a scoped dependency needs no quoting:
// "company/x/f" is feature f of company/x.
func ParseFeatureRef(text string) FeatureRef {
	if dep, ok := strings.CutPrefix(text, "dep:"); ok {
		return FeatureRef{Dependency: dep}
	}
	i := strings.LastIndexByte(text, '/')
	if i < 0 {
		return FeatureRef{Feature: text}
	}
	dep, weak := strings.CutSuffix(text[:i], "?")
	return FeatureRef{Feature: text[i+1:], Dependency: dep, Weak: weak}
}

// String writes the item as ParseFeatureRef reads it.
func (f FeatureRef) String() string {
	switch {
	case f.Dependency == "":
		return f.Feature
	case f.Feature == "":
		return "dep:" + f.Dependency
	case f.Weak:
		return f.Dependency + "?/" + f.Feature
	default:
		return f.Dependency + "/" + f.Feature
	}
}

// goodFeature is the grammar of a feature's name: letters, digits, and from the second byte on - _ + and dots.
func goodFeature(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
		if !letter && (i == 0 || c != '-' && c != '+' && c != '.') {
			return false
		}
	}
	return name != "" && len(name) <= MaxNamePartLength
}

// graph is what the items of [features] may name.
type graph struct {
	*reader
	features map[string]*entry
	aliases  map[string]string // folded name -> name of any dependency
	optional map[string]bool   // names that are optional in a table
	named    map[string]bool   // names that a "dep:" item names
}

// features reads [features], after the dependencies. Names of dependencies are written into the items as the
// dependency tables spell them.
func (r *reader) features(e *entry, m *Manifest) map[string][]string {
	lists := map[string][]string{}
	n := r.table(e)
	if n == nil {
		return lists
	}
	g := &graph{r, n.names, map[string]string{}, map[string]bool{}, map[string]bool{}}
	for _, table := range []map[string]DependencySpec{m.Dependencies, m.BuildDependencies, m.DevDependencies} {
		for name, spec := range table {
			if g.aliases[Fold(name)] == "" {
				g.aliases[Fold(name)] = name
			}
			if spec.Optional {
				g.optional[g.aliases[Fold(name)]] = true
			}
		}
	}
	places := map[string][]span{}
	for _, f := range n.entries {
		if !goodFeature(f.name) {
			r.fail("bad-feature", f.key, "feature %s must be letters, digits, -, _, + and dots, at most %d bytes", quote(f.name), MaxNamePartLength)
		}
		lists[f.name], places[f.name] = r.texts(f)
		for _, item := range lists[f.name] {
			if ref := ParseFeatureRef(item); ref.Feature == "" {
				g.named[g.aliases[Fold(ref.Dependency)]] = true
			}
		}
	}
	for _, f := range n.entries {
		g.shadow(f)
		for i, item := range lists[f.name] {
			lists[f.name][i] = g.check(item, places[f.name][i])
		}
	}
	g.cycles(lists)
	return lists
}

// shadow refuses a feature that has the name of an optional dependency, which is a feature itself.
func (g *graph) shadow(f *entry) {
	if g.optional[f.name] && !g.named[f.name] {
		g.fail("bad-feature", f.key, "feature %s has the name of an optional dependency; turn that on by %s", quote(f.name), quote("dep:"+f.name))
	}
}

// check judges one item and returns it with the dependency's own spelling.
func (g *graph) check(item string, at span) string {
	ref := ParseFeatureRef(item)
	if ref.Dependency == "" {
		g.checkPlain(ref.Feature, at)
		return item
	}
	name, ok := g.aliases[Fold(ref.Dependency)]
	if !ok && len(g.problems) >= maxProblems {
		return item
	}
	switch whole, scoped := g.aliases[Fold(item)]; {
	case !ok && scoped:
		g.fail("unknown-feature", at, "%s is a dependency, not a feature; write %s", quote(item), quote("dep:"+whole))
	case !ok:
		g.fail("unknown-feature", at, "%s names the dependency %s, which is not declared%s", quote(item), quote(ref.Dependency),
			didYouMean(ref.Dependency, g.dependencies()))
	case (ref.Feature == "" || ref.Weak) && !g.optional[name]:
		g.fail("bad-feature", at, "%s needs an optional dependency, and %s is not optional", quote(item), quote(name))
	case ref.Feature != "" && !goodFeature(ref.Feature):
		g.fail("bad-feature", at, "%s is not a feature's name", quote(ref.Feature))
	}
	if ok {
		ref.Dependency = name
	}
	return ref.String()
}

// checkPlain judges an item that is one word.
func (g *graph) checkPlain(name string, at span) {
	if g.features[name] != nil {
		return
	}
	alias, ok := g.aliases[Fold(name)]
	switch {
	case len(g.problems) >= maxProblems:
		return
	case !ok:
		known := g.dependencies()
		for f := range g.features {
			known = append(known, f)
		}
		g.fail("unknown-feature", at, "%s is not a feature%s", quote(name), didYouMean(name, known))
	case !g.optional[alias]:
		g.fail("bad-feature", at, "%s is a dependency that is not optional; there is nothing to turn on", quote(name))
	case g.named[alias] || alias != name:
		g.fail("unknown-feature", at, "%s is not a feature; to turn the dependency on write %s", quote(name), quote("dep:"+alias))
	}
}

func (g *graph) dependencies() []string {
	names := make([]string, 0, len(g.aliases))
	for _, name := range g.aliases {
		names = append(names, name)
	}
	return names
}

// cycles reports every feature that turns itself on, once a cycle.
func (g *graph) cycles(lists map[string][]string) {
	done, onWay := map[string]bool{}, map[string]int{}
	var way []string
	var visit func(name string)
	visit = func(name string) {
		if i, ok := onWay[name]; ok {
			g.fail("feature-cycle", g.features[name].key, "feature %s turns itself on: %s", quote(name), strings.Join(append(slices.Clone(way[i:]), name), " -> "))
			return
		}
		if done[name] {
			return
		}
		onWay[name], way = len(way), append(way, name)
		for _, next := range lists[name] {
			if g.features[next] != nil {
				visit(next)
			}
		}
		way = way[:len(way)-1]
		delete(onWay, name)
		done[name] = true
	}
	names := sortedKeys(lists)
	slices.SortFunc(names, func(a, b string) int { return g.features[a].key.start - g.features[b].key.start })
	for _, name := range names {
		visit(name)
	}
}
