package manifest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/geeknik/gal-pkg/version"
)

// Limits of [package]; a registry refuses what is longer.
const (
	MaxDescriptionLength = 512 // bytes
	MaxKeywords          = 10
	MaxKeywordLength     = 32 // bytes
	maxAuthors           = 10
)

// DefaultEdition is the edition of a package that names none.
const DefaultEdition = "2024"

// Editions returns the editions of the language that are known.
func Editions() []string { return []string{"2024"} }

// PackageInfo is the table [package] or [workspace.package]. What was not written is the zero value, but for Edition.
type PackageInfo struct {
	Name          string          `json:"name,omitempty"`
	Version       version.Version `json:"version,omitzero"`
	Authors       []string        `json:"authors,omitempty"` // "Name <mail>", the mail optional
	Description   string          `json:"description,omitempty"`
	License       string          `json:"license,omitempty"` // as written; an SPDX expression
	LicenseFile   string          `json:"license-file,omitempty"`
	Repository    string          `json:"repository,omitempty"`
	Homepage      string          `json:"homepage,omitempty"`
	Documentation string          `json:"documentation,omitempty"`
	Readme        string          `json:"readme,omitempty"`
	Keywords      []string        `json:"keywords,omitempty"`
	Categories    []string        `json:"categories,omitempty"`
	Edition       string          `json:"edition,omitempty"`
	GalVersion    version.Version `json:"gal-version,omitzero"` // the least toolchain: "1.0" is 1.0.0
	Include       []string        `json:"include,omitempty"`    // patterns as in .gitignore
	Exclude       []string        `json:"exclude,omitempty"`
	Publish       Publish         `json:"publish,omitzero"`
	Links         string          `json:"links,omitempty"` // at most one package with the same value in a graph
	Metadata      map[string]any  `json:"metadata,omitempty"`
	Capabilities  []string        `json:"-"` // metadata.capabilities: what the author declares that the code can do

	inherited []string // keys that [workspace.package] gives, sorted
	rules     bool     // publish is written
}

// Publish says where a package may be published. The zero value allows every registry.
type Publish struct {
	Never      bool
	Registries []string // the only ones, where there are any
}

// Allows reports whether the package may go to a registry, by the name that the user gave it.
func (p Publish) Allows(registry string) bool {
	return !p.Never && (len(p.Registries) == 0 || slices.Contains(p.Registries, registry))
}

// IsZero reports whether every registry is allowed.
func (p Publish) IsZero() bool { return !p.Never && len(p.Registries) == 0 }

// MarshalJSON writes the value as gal.toml has it: a bool or a list of registries.
func (p Publish) MarshalJSON() ([]byte, error) {
	if len(p.Registries) > 0 {
		return json.Marshal(p.Registries)
	}
	return json.Marshal(!p.Never)
}

// inheritable are the keys that [workspace.package] may give.
func inheritable() []string {
	return []string{"version", "authors", "description", "license", "license-file", "repository", "homepage", "documentation",
		"readme", "keywords", "categories", "edition", "gal-version", "include", "exclude", "publish"}
}

// packageInfo reads [package], or [workspace.package] where shared is set: nothing is needed there.
func (r *reader) packageInfo(e *entry, shared bool) *PackageInfo {
	n := r.table(e)
	if n == nil {
		return nil
	}
	p, where, known := &PackageInfo{}, "[workspace.package]", inheritable()
	if !shared {
		where, known = "[package]", append(known, "name", "links", "metadata")
	}
	f := r.fields(n, where, known...)
	if !shared {
		p.inherited = r.takeInherited(f)
		r.identity(p, e, f)
	}
	r.describe(p, f)
	r.compatibility(p, f, shared)
	p.Include, _ = r.texts(f["include"])
	p.Exclude, _ = r.texts(f["exclude"])
	p.Publish = r.publish(f["publish"])
	p.rules = f["publish"] != nil
	return p
}

// takeInherited removes the keys of the form `key = { workspace = true }` from f, and returns their names.
func (r *reader) takeInherited(f fields) []string {
	var taken []string
	for _, key := range inheritable() {
		e := f[key]
		if e == nil || e.node.kind != tableKind {
			continue
		}
		delete(f, key)
		w := e.node.get("workspace")
		if w == nil || len(e.node.entries) != 1 || w.node.value != true {
			r.fail("wrong-type", e.node.at, "%s is a table; the only one allowed is { workspace = true }", quote(e.name))
			continue
		}
		taken = append(taken, key)
	}
	slices.Sort(taken)
	return taken
}

// identity reads what makes a package this package.
func (r *reader) identity(p *PackageInfo, e *entry, f fields) {
	if f["name"] == nil {
		r.fail("missing-key", e.key, "[package] has no name")
	} else if r.is(f["name"], stringKind) {
		p.Name = f["name"].node.value.(string)
		r.name("bad-name", p.Name, f["name"].node.at)
	}
	if f["version"] == nil && !slices.Contains(p.inherited, "version") {
		r.fail("missing-key", e.key, "[package] has no version")
	}
	if p.Links = r.text(f["links"]); p.Links != "" && partReason(p.Links) != "" {
		r.fail("bad-value", f["links"].node.at, "links = %s must be one word of lower-case letters, digits, - and _", quote(p.Links))
	}
	if n := r.table(f["metadata"]); n != nil {
		if !finite(n) {
			r.fail("bad-value", n.at, "metadata holds inf or nan, which has no form in JSON")
			return
		}
		p.Metadata, _ = plain(n).(map[string]any)
		if c := n.get("capabilities"); c != nil {
			p.Capabilities, _ = r.texts(c)
		}
	}
}

// name checks a package name at a place.
func (r *reader) name(code, name string, at span) bool {
	reason := nameReason(name)
	if reason != "" {
		r.fail(code, at, "%s %s; try `%s`", quote(name), reason, Propose(name))
	}
	return reason == ""
}

// plain turns a node into maps, slices and scalars.
func plain(n *node) any {
	switch n.kind {
	case tableKind:
		m := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			m[e.name] = plain(e.node)
		}
		return m
	case arrayKind:
		list := make([]any, len(n.list))
		for i, child := range n.list {
			list[i] = plain(child)
		}
		return list
	default:
		return n.value
	}
}

// describe reads what people read.
func (r *reader) describe(p *PackageInfo, f fields) {
	var at []span
	p.Authors, at = r.texts(f["authors"])
	for i, author := range p.Authors {
		if !goodAuthor(author) {
			r.fail("bad-author", at[i], "author %s must be written as Name or Name <mail>", quote(author))
		}
	}
	if len(p.Authors) > maxAuthors {
		r.warn("too-long", f["authors"].node.at, "authors has %d entries; a registry shows the first %d", len(p.Authors), maxAuthors)
	}
	p.Description = r.text(f["description"])
	if len(p.Description) > MaxDescriptionLength {
		r.warn("too-long", f["description"].node.at, "description has %d bytes; a registry takes at most %d", len(p.Description), MaxDescriptionLength)
	}
	p.License = r.text(f["license"])
	p.LicenseFile = r.path(f["license-file"], false)
	p.Readme = r.path(f["readme"], false)
	p.Repository = r.url(f["repository"])
	p.Homepage = r.url(f["homepage"])
	p.Documentation = r.url(f["documentation"])
	p.Keywords, at = r.texts(f["keywords"])
	if len(p.Keywords) > MaxKeywords {
		r.fail("too-long", f["keywords"].node.at, "keywords has %d entries, at most %d are allowed", len(p.Keywords), MaxKeywords)
	}
	for i, word := range p.Keywords {
		if !goodWord(word) {
			r.fail("bad-keyword", at[i], "keyword %s must be letters, digits, -, _ and +, at most %d bytes", quote(word), MaxKeywordLength)
		}
	}
	p.Categories, at = r.texts(f["categories"])
	for i, word := range p.Categories {
		if !goodWord(word) {
			r.fail("bad-category", at[i], "category %s must be letters, digits, -, _ and +, at most %d bytes", quote(word), MaxKeywordLength)
		}
	}
}

func goodAuthor(author string) bool {
	name, mail, found := strings.Cut(author, "<")
	if len(author) > 256 || strings.ContainsFunc(author, func(c rune) bool { return c < 0x20 || c == 0x7f || c == utf8.RuneError }) {
		return false
	}
	if !found {
		return !strings.Contains(author, ">")
	}
	mail, closed := strings.CutSuffix(mail, ">")
	return closed && strings.TrimSpace(name) != "" && strings.Count(mail, "@") == 1 && !strings.ContainsAny(mail, "<> ")
}

func goodWord(word string) bool {
	for i := range len(word) {
		c := word[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '-' && c != '_' && c != '+') {
			return false
		}
	}
	return word != "" && len(word) <= MaxKeywordLength
}

// compatibility reads what decides whether the package can be built.
func (r *reader) compatibility(p *PackageInfo, f fields, shared bool) {
	if e := f["version"]; r.is(e, stringKind) {
		v, err := version.Parse(e.node.value.(string))
		if err != nil {
			r.fail("bad-version", e.node.at, "%v", err)
		}
		p.Version = v
	}
	if p.Edition = r.choice(f["edition"], Editions()...); p.Edition == "" && !shared && !slices.Contains(p.inherited, "edition") {
		p.Edition = DefaultEdition
	}
	if e := f["gal-version"]; r.is(e, stringKind) {
		v, err := parseMinimum(e.node.value.(string))
		if err != nil {
			r.fail("bad-version", e.node.at, "gal-version %v", err)
		}
		p.GalVersion = v
	}
}

// parseMinimum reads a version of one to three numbers; what is missing is 0.
func parseMinimum(text string) (version.Version, error) {
	if bare := strings.TrimLeft(text, "^~=<> "); bare != text {
		return version.Version{}, fmt.Errorf("%s is a minimum, not a requirement; write %s", quote(text), quote(bare))
	}
	full := text
	if !strings.ContainsAny(text, "-+") {
		for strings.Count(full, ".") < 2 {
			full += ".0"
		}
	}
	v, err := version.Parse(full)
	if err != nil {
		return version.Version{}, fmt.Errorf("%s must be one to three numbers, as in 1.0", quote(text))
	}
	return v, nil
}

func (r *reader) publish(e *entry) Publish {
	if e == nil {
		return Publish{}
	}
	if e.node.kind == boolKind {
		return Publish{Never: !e.node.value.(bool)}
	}
	if e.node.kind != arrayKind {
		r.fail("wrong-type", e.node.at, "publish must be true, false or an array of registries, not %s", e.node.kind)
		return Publish{}
	}
	registries, at := r.texts(e)
	for i, name := range registries {
		if !goodRegistry(name) {
			r.fail("bad-registry", at[i], "%s is not the name of a registry", quote(name))
		}
	}
	return Publish{Never: len(registries) == 0, Registries: registries}
}

// goodRegistry accepts the names that users give to registries, and registry ids.
func goodRegistry(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '.' && c != '-' && c != '_') {
			return false
		}
	}
	return name != "" && len(name) <= 64
}
