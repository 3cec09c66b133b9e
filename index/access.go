package index

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// Access is access.toml: who may write what. The gate and servers read it, clients never do.
//
//	[access]
//	read_public = true
//	write_requires_auth = true
//	admin_users = ["ada"]
//
//	[access.groups]
//	developers = ["ada", "grace"]
//
//	[access.packages."company/*"]
//	write_groups = ["developers"]
type Access struct {
	ReadPublic        bool                    `toml:"read_public"`
	WriteRequiresAuth bool                    `toml:"write_requires_auth"`
	AdminUsers        []string                `toml:"admin_users"`
	Groups            map[string][]string     `toml:"groups"` // group -> publisher ids
	Packages          map[string]PackageRules `toml:"packages"`
}

// PackageRules say which groups may do what with the packages that a glob matches. An empty list does not limit.
type PackageRules struct {
	ReadGroups  []string `toml:"read_groups"`
	WriteGroups []string `toml:"write_groups"`
	AdminGroups []string `toml:"admin_groups"`
}

// ParseAccess reads access.toml. A file that is not there means the defaults: public reads, authenticated writes.
func ParseAccess(data []byte) (*Access, error) {
	file := struct {
		Access Access `toml:"access"`
	}{Access{ReadPublic: true, WriteRequiresAuth: true}}
	if _, err := manifest.DecodeTOML(AccessPath, data, MaxConfig, &file); err != nil {
		return nil, err
	}
	a := &file.Access
	for glob, rules := range a.Packages {
		if _, err := path.Match(glob, "x"); err != nil {
			return nil, fault.New(fault.Manifest, "bad-access", "access.toml: %q is not a pattern", glob)
		}
		for _, group := range slices.Concat(rules.ReadGroups, rules.WriteGroups, rules.AdminGroups) {
			if a.Groups[group] == nil {
				return nil, fault.New(fault.Manifest, "bad-access", "access.toml: group %q of %q is not under [access.groups]", group, glob)
			}
		}
	}
	return a, nil
}

// rules returns those of the most specific glob that matches a name: the longest before its first wildcard, then the
// longest, then the first by bytes.
func (a *Access) rules(name string) (PackageRules, bool) {
	best, found := "", false
	for glob := range a.Packages {
		if ok, _ := path.Match(glob, name); ok && (!found || moreSpecific(glob, best)) {
			best, found = glob, true
		}
	}
	return a.Packages[best], found
}

func moreSpecific(a, b string) bool {
	if x, y := literal(a), literal(b); x != y {
		return x > y
	}
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a < b
}

func literal(glob string) int {
	if i := strings.IndexAny(glob, "*?["); i >= 0 {
		return i
	}
	return len(glob)
}

// MayPublish reports whether a publisher may write a package; the error says which rule is against it.
func (a *Access) MayPublish(publisher, name string) error {
	rules, ok := a.rules(name)
	if !ok || len(rules.WriteGroups) == 0 || a.inGroups(publisher, rules.WriteGroups) || a.inGroups(publisher, rules.AdminGroups) {
		return nil
	}
	return fmt.Errorf("%s is in none of the groups that may write %s: %s", publisher, name, strings.Join(rules.WriteGroups, ", "))
}

func (a *Access) inGroups(publisher string, groups []string) bool {
	return slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(a.Groups[g], publisher) })
}

// MayUseScope reports whether a publisher may begin a package in a scope: a scope is a publisher's id or a group.
func (a *Access) MayUseScope(publisher, scope string) bool {
	return manifest.Fold(scope) == manifest.Fold(publisher) || slices.Contains(a.Groups[scope], publisher)
}
