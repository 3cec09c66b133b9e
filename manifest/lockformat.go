package manifest

import (
	"strconv"
	"time"
)

// lockTime is the form of times in a lock file.
const lockTime = "2006-01-02T15:04:05Z"

// Format returns the canonical bytes of a lock: sorted, with the shortest references. l itself is not changed. For a
// lock that passes [Lock.Check], ParseLock reads back what Format wrote, and formats to the same bytes.
func (l *Lock) Format() []byte {
	sorted := l.sorted()
	index := sorted.Index()
	b := make([]byte, 0, 256*(len(l.Packages)+1))
	b = append(b, "version = "+strconv.Itoa(LockVersion)+"\n"...)
	b = appendString(b, "root", l.Root, true)
	if !l.ExcludeNewer.IsZero() {
		b = appendString(b, "exclude-newer", l.ExcludeNewer.UTC().Format(lockTime), true)
	}
	for i := range sorted.Packages {
		b = sorted.Packages[i].format(b, index)
	}
	return b
}

func (p *LockedPackage) format(b []byte, index *LockIndex) []byte {
	b = append(b, "\n[[packages]]\n"...)
	b = appendString(b, "name", p.Name, true)
	b = appendString(b, "version", p.Version.String(), true)
	b = appendString(b, "source", p.Source.String(), false)
	b = appendString(b, "checksum", p.Checksum, false)
	b = appendList(b, "features", len(p.Features), func(i int) string { return p.Features[i] })
	return appendList(b, "dependencies", len(p.Dependencies), func(i int) string { return index.Shorten(p.Dependencies[i]).String() })
}

func appendString(b []byte, key, value string, always bool) []byte {
	if value == "" && !always {
		return b
	}
	b = append(append(b, key...), " = "...)
	return append(appendTOMLString(b, value), '\n')
}

func appendList(b []byte, key string, n int, text func(i int) string) []byte {
	if n == 0 {
		return b
	}
	b = append(append(b, key...), " = ["...)
	for i := range n {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendTOMLString(b, text(i))
	}
	return append(b, "]\n"...)
}

// parseLockTime reads the time of exclude-newer.
func parseLockTime(text string) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	t, err := time.Parse(time.RFC3339, text)
	t = t.UTC().Truncate(time.Second)
	return t, err == nil && t.Year() >= 1970 && t.Year() <= 9999
}
