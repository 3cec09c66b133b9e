package tuf

import (
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
)

const timeFormat = "2006-01-02T15:04:05Z"

func stamp(t time.Time) string { return t.UTC().Format(timeFormat) }

func malformed(file, format string, args ...any) *fault.Error {
	return fault.New(fault.Integrity, "metadata-malformed", "SECURITY: the registry's %s is not metadata that a registry writes", file).
		WithFact(format, args...).
		WithHelp("gal-pkg registry list --check")
}

func rootInvalid(format string, args ...any) *fault.Error {
	return fault.New(fault.Integrity, "root-invalid", "SECURITY: the registry's next root of trust is not a successor of the one that is trusted").
		WithFact(format, args...).
		WithHelp("ask the registry's operator for the fingerprint that `gal-registry root show` prints, by another way than this host")
}

func rootExpired(root *Root, now time.Time) *fault.Error {
	return fault.New(fault.Integrity, "root-expired", "the registry's root of trust has expired").
		WithFact("root     %d, %s", root.Version, root.Fingerprint).
		WithFact("expired  %s", stamp(root.Expires)).
		WithFact("now      %s", stamp(now)).
		WithHelp("look at this machine's clock").
		WithHelp("gal-registry root rotate DIR   (by the registry's operator)")
}

func untrusted(format string, args ...any) *fault.Error {
	return fault.New(fault.Integrity, "registry-untrusted", "SECURITY: the registry's metadata is not signed by the keys that its root of trust names").
		WithFact(format, args...).
		WithHelp("gal-pkg registry list --check")
}

func rollback(file string, seen, got int64) *fault.Error {
	return fault.New(fault.Integrity, "index-rollback", "SECURITY: the registry shows an older state than it did before").
		WithFact("file    %s", file).
		WithFact("before  version %d", seen).
		WithFact("now     version %d", got).
		WithHelp("try later, or another host of the registry; tell its operator if it stays so")
}

func expired(file string, until, now time.Time) *fault.Error {
	return fault.New(fault.Integrity, "index-expired", "the registry's index is not current: nobody has signed its state lately").
		WithFact("file     %s", file).
		WithFact("expired  %s", stamp(until)).
		WithFact("now      %s", stamp(now)).
		WithHelp("look at this machine's clock").
		WithHelp("gal-registry refresh DIR   (by the registry's operator)")
}

func mismatch(file, format string, args ...any) *fault.Error {
	return fault.New(fault.Integrity, "metadata-mismatch", "SECURITY: the registry's %s is not the one that its metadata names", file).
		WithFact(format, args...).
		WithHelp("try later: the host may have shown files of two states; tell the registry's operator if it stays so")
}
