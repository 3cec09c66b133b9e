package manifest

import (
	"errors"
	"fmt"
	"time"

	"github.com/geeknik/gal-pkg/version"
)

// ParseLock reads a lock file. path is what messages call it. The error is [Problems] whose [fault.Error] has code
//
//	"lock-conflict"  the file holds the markers of a merge; the problem's line is that of the first
//	"lock-too-new"   a newer program wrote it
//	"bad-lock"       anything else
//
// Canonical bytes take a short way that knows no TOML; everything else, and everything with a mistake, is read by a
// TOML parser. Where the short way succeeds, both give the same value.
func ParseLock(path string, data []byte) (*Lock, error) {
	g := page{path, data}
	if len(data) > MaxLockSize {
		return nil, Problems{g.whole("bad-lock", "the file has %d bytes, at most %d are allowed", len(data), MaxLockSize)}
	}
	if at, found := conflictMarker(data); found {
		line, _ := g.position(at)
		p := g.problem(LevelError, "lock-conflict", span{at, at + 7}, "%s contains merge conflict markers (line %d)", path, line)
		p.Help = "gal-pkg lock --resolve"
		return nil, Problems{p}
	}
	if raw, ok := readCanonical(string(data)); ok {
		if l, _, err := raw.lock(); err == nil {
			return l, nil
		}
	}
	return parseLockTOML(g)
}

// LoadLock reads the lock file at path. One that cannot be read is a [fault.Error] with code "lock-unreadable"; its
// cause is the file system's, fs.ErrNotExist where there is no such file.
func LoadLock(path string) (*Lock, error) {
	data, err := readBounded(path, MaxLockSize, "lock-unreadable")
	if err != nil {
		return nil, err
	}
	return ParseLock(path, data)
}

// rawLock is a lock file as text, the same from both ways of reading.
type rawLock struct {
	root, excludeNewer string
	packages           []rawPackage
}

type rawPackage struct {
	name, version, source, checksum string
	features, dependencies          []string
}

// lock gives the text its meaning. The int is the package that an error is about, -1 for none of them.
func (raw rawLock) lock() (*Lock, int, error) {
	t, ok := parseLockTime(raw.excludeNewer)
	if !ok {
		return nil, -1, fmt.Errorf("exclude-newer = %s must be a time, as in 2026-01-31T00:00:00Z", quote(raw.excludeNewer))
	}
	if len(raw.packages) > MaxLockedPackages {
		return nil, -1, fmt.Errorf("%d packages are more than %d", len(raw.packages), MaxLockedPackages)
	}
	l := &Lock{Version: LockVersion, Root: raw.root, ExcludeNewer: t, Packages: make([]LockedPackage, len(raw.packages))}
	if reason := nameReason(raw.root); raw.root != "" && reason != "" {
		return nil, -1, fmt.Errorf("root %s %s", quote(raw.root), reason)
	}
	for i, p := range raw.packages {
		locked, err := p.locked()
		if err != nil {
			return nil, i, fmt.Errorf("package %s: %w", quote(p.name), err)
		}
		l.Packages[i] = locked
	}
	x := l.Index()
	if i, err := x.crowded(); err != nil {
		return nil, i, err
	}
	for i := range l.Packages {
		deps := l.Packages[i].Dependencies
		for k, d := range deps {
			target, err := x.Resolve(d)
			if err != nil {
				return nil, i, fmt.Errorf("package %s: dependency %w", quote(l.Packages[i].Name), err)
			}
			deps[k] = target.Ref()
		}
		l.Packages[i].sortLists()
	}
	for i := range l.Packages {
		if err := x.check(i); err != nil {
			return nil, i, err
		}
	}
	l.sortPackages()
	return l, -1, nil
}

// locked parses the texts of one package.
func (p rawPackage) locked() (LockedPackage, error) {
	locked := LockedPackage{Name: p.name, Checksum: p.checksum}
	if len(p.features) > 0 {
		locked.Features = p.features
	}
	var err error
	if locked.Version, err = version.Parse(p.version); err != nil {
		return locked, err
	}
	if p.source != "" {
		if locked.Source, err = ParseSource(p.source); err != nil {
			return locked, err
		}
	}
	if len(p.dependencies) > 0 {
		locked.Dependencies = make([]Ref, len(p.dependencies))
	}
	for i, text := range p.dependencies {
		if locked.Dependencies[i], err = ParseRef(text); err != nil {
			return locked, err
		}
	}
	return locked, nil
}

// lockLimits bound what the TOML parser of a lock file sees.
func lockLimits() limits {
	return limits{bytes: MaxLockSize, nesting: 4, dots: 1, tables: MaxLockedPackages}
}

// parseLockTOML reads a lock that is not in the canonical form, or wrong.
func parseLockTOML(g page) (*Lock, error) {
	d, problem := parseDocument(g, lockLimits())
	if problem != nil {
		problem.Code = "bad-lock"
		return nil, Problems{*problem}
	}
	if e := d.root.get("version"); e != nil {
		if v, ok := e.node.value.(int64); ok && v > LockVersion {
			p := g.problem(LevelError, "lock-too-new", e.node.at, "lock version %d is newer than this program, which reads up to %d", v, LockVersion)
			p.Help = "update gal-pkg"
			return nil, Problems{p}
		}
	}
	r := &lockReader{reader{document: d}, nil}
	raw := r.raw()
	if len(r.problems) > 0 {
		return nil, inOrder(r.problems)
	}
	l, i, err := raw.lock()
	if err != nil {
		at := span{0, 0}
		if i >= 0 {
			at = r.places[i]
		}
		p := g.problem(LevelError, "bad-lock", at, "%v", err)
		if errors.Is(err, errNoChecksum) {
			p.Help = "git checkout -- gal.lock     # as it was committed; to choose everything anew: rm gal.lock && gal-pkg lock"
		}
		return nil, Problems{p}
	}
	return l, nil
}

// lockReader turns a document into the texts of a lock. Here an unknown key is an error.
type lockReader struct {
	reader
	places []span // of the packages' names
}

func (r *lockReader) raw() rawLock {
	var raw rawLock
	f := r.strict(r.root, "", "version", "root", "exclude-newer", "packages")
	if e := f["version"]; e == nil {
		r.fail("bad-lock", span{}, "the file has no version")
	} else if r.integer(e, LockVersion, LockVersion) == nil {
		r.recode()
	}
	if f["root"] == nil {
		r.fail("bad-lock", span{}, "the file has no root")
	}
	raw.root = r.string(f["root"])
	if e := f["exclude-newer"]; e != nil && e.node.kind == timeKind {
		raw.excludeNewer = e.node.value.(time.Time).Format(time.RFC3339)
	} else {
		raw.excludeNewer = r.string(e)
	}
	if e := f["packages"]; r.is(e, arrayKind) {
		for _, n := range e.node.list {
			if len(r.problems) >= maxProblems {
				break
			}
			raw.packages = append(raw.packages, r.onePackage(n))
		}
	}
	r.recode()
	return raw
}

// recode gives the problems that the shared reader found the code of lock files.
func (r *lockReader) recode() {
	for i := range r.problems {
		r.problems[i].Code = "bad-lock"
	}
}

func (r *lockReader) onePackage(n *node) rawPackage {
	var p rawPackage
	if n.kind != tableKind {
		r.fail("bad-lock", n.at, "packages must be tables, as in [[packages]]")
		r.places = append(r.places, n.at)
		return p
	}
	f := r.strict(n, "[[packages]]", "name", "version", "source", "checksum", "features", "dependencies")
	place := n.at
	if f["name"] != nil {
		place = f["name"].node.at
	}
	r.places = append(r.places, place)
	for _, key := range []string{"name", "version"} {
		if f[key] == nil {
			r.fail("bad-lock", n.at, "a package has no %s", key)
		}
	}
	p.name, p.version = r.string(f["name"]), r.string(f["version"])
	p.source, p.checksum = r.string(f["source"]), r.string(f["checksum"])
	p.features, p.dependencies = r.strings(f["features"]), r.strings(f["dependencies"])
	return p
}

// strict returns the known keys of a table; others are errors.
func (r *lockReader) strict(n *node, where string, known ...string) fields {
	warnings := len(r.warnings)
	f := r.fields(n, where, known...)
	for _, w := range r.warnings[warnings:] {
		if w.Level = LevelError; len(r.problems) < maxProblems {
			r.problems = append(r.problems, w)
		}
	}
	r.warnings = r.warnings[:warnings]
	return f
}

func (r *lockReader) string(e *entry) string {
	if !r.is(e, stringKind) {
		return ""
	}
	return e.node.value.(string)
}

func (r *lockReader) strings(e *entry) []string {
	if !r.is(e, arrayKind) {
		return nil
	}
	var list []string
	for _, n := range e.node.list {
		s, ok := n.value.(string)
		if !ok {
			r.fail("bad-lock", n.at, "%s must be an array of strings, and holds %s", e.name, n.kind)
			continue
		}
		list = append(list, s)
	}
	return list
}
