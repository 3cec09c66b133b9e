package manifest

import (
	"errors"
	"fmt"
	"strings"
)

// Check reports the first thing that keeps a lock from being written and read back as it is, nil for a good one:
// illegal names, sources and checksums, a package that is listed twice, a dependency that is not listed. The error
// is a plain one.
func (l *Lock) Check() error {
	if len(l.Packages) > MaxLockedPackages {
		return fmt.Errorf("%d packages are more than %d", len(l.Packages), MaxLockedPackages)
	}
	if reason := nameReason(l.Root); l.Root != "" && reason != "" {
		return fmt.Errorf("root %s %s", quote(l.Root), reason)
	}
	x := l.sorted().Index()
	if _, err := x.crowded(); err != nil {
		return err
	}
	for i := range x.packages {
		if err := x.check(i); err != nil {
			return err
		}
		for _, d := range x.packages[i].Dependencies {
			if _, err := x.Resolve(d); err != nil {
				return fmt.Errorf("package %s: dependency %w", quote(x.packages[i].Name), err)
			}
		}
	}
	return nil
}

// errNoChecksum is of a package of a registry: whoever deletes its checksum would have the next one that comes along believed.
// What comes from git has its commit for that.
var errNoChecksum = errors.New("has no checksum")

// crowded finds a package that is listed too often, which would make every look-up of its name slow.
func (x *LockIndex) crowded() (int, error) {
	for i := range x.packages {
		if n := len(x.named(x.packages[i].Name)); n > MaxLockedVersions {
			return i, fmt.Errorf("package %s is listed %d times, at most %d are allowed", quote(x.packages[i].Name), n, MaxLockedVersions)
		}
	}
	return -1, nil
}

// check judges one package, whose lists are in order, among the others.
func (x *LockIndex) check(i int) error {
	p := &x.packages[i]
	if reason := nameReason(p.Name); reason != "" {
		return fmt.Errorf("package %s %s", quote(p.Name), reason)
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("package %s: %w", quote(p.Name), fmt.Errorf(format, args...))
	}
	if p.Version.IsZero() {
		return fail("it has no version")
	}
	if reason := checksumReason(p.Checksum); reason != "" {
		return fail("checksum %s %s", quote(p.Checksum), reason)
	}
	if p.Checksum == "" && p.Source.Kind == RegistrySource {
		return fail("version %s is of a registry and %w", p.Version, errNoChecksum)
	}
	for _, j := range x.named(p.Name) {
		other := &x.packages[j]
		if int(j) < i && sameVersion(other.Version, p.Version) && (other.Source == p.Source || other.Source.IsZero() || p.Source.IsZero()) {
			return fail("version %s is listed twice", p.Version)
		}
	}
	for k, f := range p.Features {
		if !goodFeature(f) || k > 0 && p.Features[k-1] == f {
			return fail("feature %s is no feature's name or is listed twice", quote(f))
		}
	}
	for k, d := range p.Dependencies {
		if k > 0 && p.Dependencies[k-1].Compare(d) == 0 {
			return fail("dependency %s is listed twice", quote(d.String()))
		}
	}
	return nil
}

// checksumReason accepts "", and "sha256:" with what may be an abbreviated digest.
func checksumReason(text string) string {
	if text == "" {
		return ""
	}
	digest, ok := strings.CutPrefix(text, "sha256:")
	if !ok {
		return "does not begin with sha256:"
	}
	if digest == "" || len(digest) > 64 || strings.Trim(digest, "0123456789abcdef.") != "" {
		return "is not a digest in lower-case hex"
	}
	return ""
}
