package index

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

// YankClasses say why a version should not be chosen any more.
var YankClasses = []string{"security", "broken", "license", "mistake", "other"}

// Yank takes a version out of new resolutions; projects that have it locked keep it.
type Yank struct {
	Version  version.Version
	Class    string // one of YankClasses
	Reason   string
	Advisory string
}

// Unyank undoes the yanks of the same side.
type Unyank struct {
	Version version.Version
	Reason  string
}

// Deprecate advises against the package as a whole; without a message and a replacement it undoes that.
type Deprecate struct {
	Message     string
	Replacement string
}

// Owners replaces the set of those who may speak for the package.
type Owners struct {
	Owners    []string
	Threshold int64 // how many of them must sign an owners or tombstone line
	Reason    string
}

// Tombstone closes the package; its name and versions stay taken.
type Tombstone struct{ Reason string }

// Recover is the root's way to give a package new owners when nobody can sign for the old ones.
type Recover struct {
	Owners    []string
	Threshold int64
	Reason    string
}

const (
	maxReason      = 512
	maxDescription = 512
	maxAbout       = 10 // keywords, categories, authors: each
	maxOwners      = 32
)

func (*Yank) event() Event { return EventYank }

func (*Unyank) event() Event { return EventUnyank }

func (*Deprecate) event() Event { return EventDeprecate }

func (*Owners) event() Event { return EventOwners }

func (*Tombstone) event() Event { return EventTombstone }

func (*Recover) event() Event { return EventRecover }

func (y *Yank) encode(w *writer) {
	w.text("version", y.Version.String())
	w.text("class", y.Class)
	w.text("reason", y.Reason)
	w.text("advisory", y.Advisory)
}

func (y *Yank) decode(name string, s *scanner, _ *Decoder) (ok bool, err error) {
	switch name {
	case "version":
		y.Version, err = s.version()
	case "class":
		y.Class, err = s.text()
	case "reason":
		y.Reason, err = s.text()
	case "advisory":
		y.Advisory, err = s.text()
	default:
		return false, nil
	}
	return true, err
}

func (y *Yank) check() error {
	if y.Version.IsZero() {
		return errors.New("version is missing")
	}
	if !slices.Contains(YankClasses, y.Class) {
		return fmt.Errorf("class %q is none of %s", y.Class, strings.Join(YankClasses, ", "))
	}
	return checkReason(y.Reason, true)
}

func checkReason(reason string, required bool) error {
	if required && strings.TrimSpace(reason) == "" {
		return errors.New("reason is missing")
	}
	if len(reason) > maxReason {
		return fmt.Errorf("reason is longer than %d bytes", maxReason)
	}
	return nil
}

func (u *Unyank) encode(w *writer) {
	w.text("version", u.Version.String())
	w.text("reason", u.Reason)
}

func (u *Unyank) decode(name string, s *scanner, _ *Decoder) (ok bool, err error) {
	switch name {
	case "version":
		u.Version, err = s.version()
	case "reason":
		u.Reason, err = s.text()
	default:
		return false, nil
	}
	return true, err
}

func (u *Unyank) check() error {
	if u.Version.IsZero() {
		return errors.New("version is missing")
	}
	return checkReason(u.Reason, false)
}

func (d *Deprecate) encode(w *writer) {
	w.text("message", d.Message)
	w.text("replacement", d.Replacement)
}

func (d *Deprecate) decode(name string, s *scanner, _ *Decoder) (ok bool, err error) {
	switch name {
	case "message":
		d.Message, err = s.text()
	case "replacement":
		d.Replacement, err = s.text()
	default:
		return false, nil
	}
	return true, err
}

func (d *Deprecate) check() error {
	if d.Replacement != "" {
		if err := manifest.CheckName(d.Replacement); err != nil {
			return err
		}
	}
	return checkReason(d.Message, false)
}

func (o *Owners) encode(w *writer) { encodeOwners(w, o.Owners, o.Threshold, o.Reason) }

func (o *Owners) check() error { return checkOwners(o.Owners, o.Threshold, o.Reason) }

func (r *Recover) encode(w *writer) { encodeOwners(w, r.Owners, r.Threshold, r.Reason) }

func (r *Recover) check() error { return checkOwners(r.Owners, r.Threshold, r.Reason) }

func (o *Owners) decode(name string, s *scanner, _ *Decoder) (bool, error) {
	return decodeOwners(&o.Owners, &o.Threshold, &o.Reason, name, s)
}

func (r *Recover) decode(name string, s *scanner, _ *Decoder) (bool, error) {
	return decodeOwners(&r.Owners, &r.Threshold, &r.Reason, name, s)
}

func encodeOwners(w *writer, owners []string, threshold int64, reason string) {
	w.list("owners", owners)
	w.integer("threshold", threshold)
	w.text("reason", reason)
}

func decodeOwners(owners *[]string, threshold *int64, reason *string, name string, s *scanner) (ok bool, err error) {
	switch name {
	case "owners":
		*owners, err = s.texts()
	case "threshold":
		*threshold, err = s.integer()
	case "reason":
		*reason, err = s.text()
	default:
		return false, nil
	}
	return true, err
}

func checkOwners(owners []string, threshold int64, reason string) error {
	if len(owners) == 0 || len(owners) > maxOwners || !sortedUnique(owners) {
		return fmt.Errorf("owners are 1 to %d ids, sorted, without duplicates", maxOwners)
	}
	for _, id := range owners {
		if err := CheckID(id); err != nil {
			return err
		}
	}
	if threshold < 1 || threshold > int64(len(owners)) {
		return fmt.Errorf("threshold %d is not between 1 and the number of owners", threshold)
	}
	return checkReason(reason, false)
}

func (t *Tombstone) encode(w *writer) { w.text("reason", t.Reason) }

func (t *Tombstone) check() error { return checkReason(t.Reason, false) }

func (t *Tombstone) decode(name string, s *scanner, _ *Decoder) (ok bool, err error) {
	if name != "reason" {
		return false, nil
	}
	t.Reason, err = s.text()
	return true, err
}
