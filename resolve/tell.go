package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/version"
)

// tell says a fact in words.
func (s *solver) tell(f *fact) string {
	switch f.kind {
	case factRoot:
		return s.versions(f.owner, f.versions).text + " is what is to be resolved"
	case factRequires:
		return s.dependsOn(f) + s.where(f)
	case factNone:
		return s.dependsOn(f) + s.where(f) + ", " + s.whyNone(f)
	case factWants:
		return s.dependsOn(f) + fmt.Sprintf(" with feature `%s`", f.wanted) + s.where(f)
	case factHas:
		return s.whoHas(f)
	case factTurnsOn:
		return s.turnsOnText(f)
	case factOption:
		return s.whatFits(f)
	case factLinks:
		a, b := s.versions(f.owner, f.versions).text, s.versions(f.other, f.others).text
		return fmt.Sprintf("%s and %s have the same link %q", min(a, b), max(a, b), f.wanted)
	default:
		return fmt.Sprintf("only one version of %s may be used (duplicates = \"deny\")", s.nameOf(s.nodes[f.owner].pkg))
	}
}

// dependsOn is the beginning of most sentences: who depends on what, as it was written.
func (s *solver) dependsOn(f *fact) string {
	return s.dependsOnVerb(f) + asks(s.nameOf(f.target), f.dep.Requirement)
}

func (s *solver) dependsOnVerb(f *fact) string {
	subject := s.versions(f.owner, f.versions)
	if f.feature != "" {
		subject.text += " with " + featureText(f.feature)
	}
	return subject.verb("depends on ", "depend on ")
}

// whatFits says which versions of a bucket a requirement means that spans several.
func (s *solver) whatFits(f *fact) string {
	n := &s.nodes[f.other]
	bucket := s.nameOf(n.pkg) + " " + s.candidate(f.other, 0).Version.Bucket().String()
	if s.sets.count(n.width, f.others) == n.size {
		return fmt.Sprintf("%s fits %s", bucket, f.dep.Requirement)
	}
	runs := s.versions(f.other, f.others)
	return fmt.Sprintf("in %s only %s %s", bucket, runs.verb("fits", "fit"), f.dep.Requirement)
}

func (s *solver) where(f *fact) string {
	if f.dep.Where == "" {
		return ""
	}
	return " (" + f.dep.Where + ")"
}

func (s *solver) whoHas(f *fact) string {
	n := &s.nodes[f.owner]
	what := featureText(f.wanted)
	if !s.sets.empty(n.width, f.versions) {
		p := s.versions(f.owner, f.versions)
		if strings.HasPrefix(p.text, "every ") {
			return p.verb("has", "have") + " " + what
		}
		return "only " + p.verb("has", "have") + " " + what
	}
	text := fmt.Sprintf("no version of %s %s has %s", s.nameOf(n.pkg), s.candidate(f.owner, 0).Version.Bucket(), what)
	if names := sortedKeys(s.candidate(f.owner, 0).Features); len(names) > 0 {
		text += fmt.Sprintf(" (%s has: %s)", s.candidate(f.owner, 0).Version, strings.Join(firstFew(names, 8), ", "))
	}
	return text
}

func (s *solver) turnsOnText(f *fact) string {
	subject := s.versions(f.owner, f.versions).text
	return fmt.Sprintf("%s of %s turns on %s", featureText(f.feature), subject, featureText(f.wanted))
}

// whyNone says why no version of a package fits a requirement; each cause has its own words.
func (s *solver) whyNone(f *fact) string {
	p, r := f.target, f.dep.Requirement
	if p.missing != "" {
		return "but " + p.missing
	}
	var reasons []string
	for _, h := range p.hidden {
		if meets(r, h.Version) {
			reasons = append(reasons, h.Version.String()+" "+h.predicate())
		}
	}
	if len(reasons) > 0 {
		return "but " + list(firstFew(reasons, 3), "and")
	}
	if pre := preReleases(p, r); len(pre) > 0 {
		return fmt.Sprintf("which only pre-releases fit (%s)", strings.Join(firstFew(pre, 3), ", "))
	}
	if len(p.usable) == 0 {
		return "which has no usable version"
	}
	var published []string
	for _, c := range p.usable {
		published = append(published, c.Version.String())
	}
	return fmt.Sprintf("which no version fits (published: %s)", strings.Join(firstFew(published, 5), ", "))
}

// preReleases are those that would fit a requirement if they were releases.
func preReleases(p *pkg, r version.Requirement) []string {
	var found []string
	for _, c := range p.usable {
		v := c.Version
		if v.Pre() != "" && !meets(r, v) && r.Matches(version.MustParse(fmt.Sprintf("%d.%d.%d", v.Major(), v.Minor(), v.Patch()))) {
			found = append(found, v.String())
		}
	}
	return found
}

// firstFew cuts a list, and says so.
func firstFew(words []string, n int) []string {
	if len(words) <= n {
		return words
	}
	return append(slices.Clone(words[:n]), "...")
}
