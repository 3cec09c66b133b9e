package index

import (
	"time"

	"github.com/geeknik/gal-pkg/version"
)

// parseFolded reads the record of a package. It reports false for a record that does not hold together, and for one that
// names a key which its publisher does not have.
func parseFolded(registry, key, record string, d *Decoder, publishers Publishers) (*Package, bool) {
	r := &unfolder{text: record, decoder: d, publishers: publishers}
	p := NewPackage(registry, key)
	p.recalled = true
	p.Name = r.string()
	p.Owners = r.strings()
	p.Threshold = int64(r.number())
	p.cleanOwners = r.strings()
	for _, head := range []*Digest{&p.genesis, &p.ownersHead, &p.recoverHead, &p.deprecateHead} {
		*head = Digest(r.string())
	}
	if r.flag() {
		p.Deprecated = &Deprecate{Message: r.string(), Replacement: r.string()}
	}
	p.control = r.obligations()
	n := r.count()
	p.Releases = make([]*Release, 0, n)
	releases, publishes := make([]Release, n), make([]Publish, n)
	before := &Release{Publish: &Publish{}}
	for i := range n {
		release := &releases[i]
		release.Publish = &publishes[i]
		r.release(release, before)
		if r.broken {
			return nil, false
		}
		p.add(release)
		before = release
	}
	return p, !r.broken && r.text == "" && samePath(p.Name, key)
}

// unfolder reads records. After the first thing that is wrong, everything it returns is zero.
type unfolder struct {
	text       string
	broken     bool
	decoder    *Decoder
	publishers Publishers
}

func (r *unfolder) fail() { r.broken, r.text = true, "" }

func (r *unfolder) number() (n uint64) {
	for i := 0; i < len(r.text) && i < 10; i++ {
		c := r.text[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.text = r.text[i+1:]
			return n
		}
	}
	r.fail()
	return 0
}

// count reads the length of a list: at least a byte of the record belongs to every entry.
func (r *unfolder) count() int {
	n := r.number()
	if n > uint64(len(r.text)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *unfolder) string() string {
	n := r.count()
	s := r.text[:n]
	r.text = r.text[n:]
	return s
}

func (r *unfolder) strings() []string {
	n := r.count()
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = r.string()
	}
	return list
}

func (r *unfolder) flag() bool { return r.number() == 1 }

func (r *unfolder) obligations() []Obligation {
	n := r.count()
	if n == 0 {
		return nil
	}
	list := make([]Obligation, 0, n)
	for range n {
		list = append(list, Obligation{By: r.string(), remembered: Digest(r.string()), leads: r.flag()})
		if r.broken {
			return nil
		}
	}
	return list
}

// skipObligations returns the text that obligations reads: only those of chosen releases are ever needed.
func (r *unfolder) skipObligations() string {
	before := r.text
	for range r.count() {
		r.string()
		r.string()
		r.flag()
	}
	return before[:len(before)-len(r.text)]
}

func (r *unfolder) side(v version.Version, digest Digest) side {
	if !r.flag() {
		return side{head: digest}
	}
	s := side{head: Digest(r.string())}
	if r.flag() {
		s.yank = &Yank{Version: v, Class: r.string(), Reason: r.string(), Advisory: r.string()}
	}
	return s
}

func (r *unfolder) release(into, before *Release) {
	text := r.string()
	v, err := version.Parse(text)
	if err != nil {
		r.fail()
	}
	into.Version = v
	into.At = time.Unix(int64(r.number()), 0).UTC()
	into.Log = int64(r.number())
	into.Suspect = r.flag()
	into.By, into.signer = before.By, before.signer
	if !r.flag() {
		into.By = r.string()
		hint := r.string()
		if into.signer = r.publishers(into.By).Key(hint); into.signer == nil && hint != "" {
			r.fail()
		}
	}
	into.digest = Digest(r.string())
	into.owners = r.side(v, into.digest)
	into.operator = r.side(v, into.digest)
	into.recorded = r.skipObligations()
	into.Publish.Version = v
	r.publish(into.Publish, before.Publish)
}

func (r *unfolder) publish(p, before *Publish) {
	p.Checksum = Digest(r.string())
	p.Size, p.Unpacked = int64(r.number()), int64(r.number())
	if p.Dependencies = before.Dependencies; !r.flag() {
		p.Dependencies = r.dependencies()
	}
	if p.Features = before.Features; !r.flag() {
		p.Features = r.features()
	}
	if r.flag() {
		p.GalVersion, p.Edition, p.License, p.Links, p.Level, p.Ruleset = before.GalVersion, before.Edition, before.License, before.Links, before.Level, before.Ruleset
		p.Capabilities, p.URLs, p.About = before.Capabilities, before.URLs, before.About
		return
	}
	r.people(p)
}

func (r *unfolder) dependencies() []Dependency {
	n := r.count()
	if n == 0 {
		return nil
	}
	list := make([]Dependency, n)
	for i := range list {
		d := &list[i]
		d.Name = r.string()
		requirement, err := r.decoder.requirement(r.string())
		if err != nil {
			r.fail()
			return nil
		}
		d.Requirement, d.Kind, d.Features = requirement, r.string(), r.strings()
		d.NoDefault, d.Optional = r.flag(), r.flag()
		d.Registry, d.Package = r.string(), r.string()
	}
	return list
}

func (r *unfolder) features() map[string][]string {
	n := r.count()
	if n == 0 {
		return nil
	}
	features := make(map[string][]string, n)
	for range n {
		name := r.string()
		values := r.strings()
		if values == nil {
			values = []string{} // as in a line, where lists of features are always written
		}
		features[name] = values
	}
	return features
}

func (r *unfolder) people(p *Publish) {
	for _, s := range []*string{&p.GalVersion, &p.Edition, &p.License, &p.Links, &p.Level} {
		*s = r.string()
	}
	if r.flag() {
		n := int64(r.number())
		p.Ruleset = &n
	}
	p.Capabilities, p.URLs = r.strings(), r.strings()
	a := &p.About
	for _, s := range []*string{&a.Description, &a.Repository, &a.Homepage, &a.Documentation} {
		*s = r.string()
	}
	for _, list := range []*[]string{&a.Keywords, &a.Categories, &a.Authors} {
		*list = r.strings()
	}
}
