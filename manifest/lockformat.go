package manifest

import (
	"strconv"
	"strings"
	"time"
)

// lockTime is the form of times in a lock file.
const lockTime = "2006-01-02T15:04:05Z"

// Format returns the canonical bytes of a lock: sorted, with the shortest references. l itself is not changed. For a
// lock that passes [Lock.Check], ParseLock reads back what Format wrote, and formats to the same bytes.
func (l *Lock) Format() []byte {
	sorted := l.sorted()
	index := sorted.Index()
	var b strings.Builder
	b.WriteString("version = " + strconv.Itoa(LockVersion) + "\n")
	writeString(&b, "root", l.Root, true)
	if !l.ExcludeNewer.IsZero() {
		writeString(&b, "exclude-newer", l.ExcludeNewer.UTC().Format(lockTime), true)
	}
	for i := range sorted.Packages {
		sorted.Packages[i].format(&b, index)
	}
	return []byte(b.String())
}

func (p *LockedPackage) format(b *strings.Builder, index *LockIndex) {
	b.WriteString("\n[[packages]]\n")
	writeString(b, "name", p.Name, true)
	writeString(b, "version", p.Version.String(), true)
	writeString(b, "source", p.Source.String(), false)
	writeString(b, "checksum", p.Checksum, false)
	writeList(b, "features", p.Features)
	refs := make([]string, len(p.Dependencies))
	for i, d := range p.Dependencies {
		refs[i] = index.Shorten(d).String()
	}
	writeList(b, "dependencies", refs)
}

func writeString(b *strings.Builder, key, value string, always bool) {
	if value != "" || always {
		b.WriteString(key)
		b.WriteString(" = ")
		b.WriteString(tomlString(value))
		b.WriteByte('\n')
	}
}

func writeList(b *strings.Builder, key string, list []string) {
	if len(list) == 0 {
		return
	}
	b.WriteString(key)
	b.WriteString(" = [")
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(tomlString(s))
	}
	b.WriteString("]\n")
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
