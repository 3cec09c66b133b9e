package index

import (
	"errors"
	"fmt"
	"strings"

	"github.com/geeknik/gal-pkg/sign"
)

// Register is a publisher's first line: their first key, which also signs it.
type Register struct {
	Key      string   // base64 of the SPKI
	Contact  string   // how to reach them; free text
	Accounts []string // "host/numeric-id" of accounts on forges
}

// AddKey gives a publisher a further key; the new key signs too, in `also`.
type AddKey struct {
	Key    string
	Reason string
}

// RevokeKey ends a key. CompromisedSince, where it is given, is the log index from which on what the key signed is
// suspect.
type RevokeKey struct {
	Key              string // hint
	Reason           string
	CompromisedSince *int64
}

// AddIdentity lets an OpenID Connect identity sign for the publisher without a key.
type AddIdentity struct{ Issuer, Subject string }

// RemoveIdentity undoes an AddIdentity.
type RemoveIdentity struct{ Issuer, Subject string }

func (*Register) event() Event       { return EventRegister }
func (*AddKey) event() Event         { return EventAddKey }
func (*RevokeKey) event() Event      { return EventRevokeKey }
func (*AddIdentity) event() Event    { return EventAddIdentity }
func (*RemoveIdentity) event() Event { return EventRemoveIdentity }

func (r *Register) encode(w *writer) {
	w.text("key", r.Key)
	w.text("contact", r.Contact)
	w.list("accounts", r.Accounts)
}

func (r *Register) decode(name string, s *scanner, _ *Decoder) (ok bool, err error) {
	switch name {
	case "key":
		r.Key, err = s.text()
	case "contact":
		r.Contact, err = s.text()
	case "accounts":
		r.Accounts, err = s.texts()
	default:
		return false, nil
	}
	return true, err
}

func (r *Register) check() error {
	if err := checkKey(r.Key); err != nil {
		return err
	}
	if len(r.Contact) > maxReason {
		return fmt.Errorf("contact is longer than %d bytes", maxReason)
	}
	for _, account := range r.Accounts {
		host, id, ok := strings.Cut(account, "/")
		if !ok || host == "" || id == "" || strings.Trim(id, "0123456789") != "" {
			return fmt.Errorf("account %q is not host/numeric-id", account)
		}
	}
	return checkList("accounts", r.Accounts, maxAbout)
}

func checkKey(spki string) error {
	if _, err := sign.ParsePublicKey(spki); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	return nil
}

func (a *AddKey) encode(w *writer) {
	w.text("key", a.Key)
	w.text("reason", a.Reason)
}

func (a *AddKey) decode(name string, s *scanner, _ *Decoder) (ok bool, err error) {
	switch name {
	case "key":
		a.Key, err = s.text()
	case "reason":
		a.Reason, err = s.text()
	default:
		return false, nil
	}
	return true, err
}

func (a *AddKey) check() error {
	if err := checkKey(a.Key); err != nil {
		return err
	}
	return checkReason(a.Reason, false)
}

func (r *RevokeKey) encode(w *writer) {
	w.text("key", r.Key)
	w.text("reason", r.Reason)
	w.optionalInteger("compromised-since", r.CompromisedSince)
}

func (r *RevokeKey) decode(name string, s *scanner, _ *Decoder) (ok bool, err error) {
	switch name {
	case "key":
		r.Key, err = s.text()
	case "reason":
		r.Reason, err = s.text()
	case "compromised-since":
		var n int64
		n, err = s.integer()
		r.CompromisedSince = &n
	default:
		return false, nil
	}
	return true, err
}

func (r *RevokeKey) check() error {
	if hint, err := decodeBase64(r.Key); err != nil || len(hint) != 32 {
		return errors.New("key is not the hint of a key")
	}
	return checkReason(r.Reason, false)
}

func (a *AddIdentity) encode(w *writer)    { encodeIdentity(w, a.Issuer, a.Subject) }
func (a *AddIdentity) check() error        { return checkIdentity(a.Issuer, a.Subject) }
func (r *RemoveIdentity) encode(w *writer) { encodeIdentity(w, r.Issuer, r.Subject) }
func (r *RemoveIdentity) check() error     { return checkIdentity(r.Issuer, r.Subject) }

func (a *AddIdentity) decode(name string, s *scanner, _ *Decoder) (bool, error) {
	return decodeIdentity(&a.Issuer, &a.Subject, name, s)
}

func (r *RemoveIdentity) decode(name string, s *scanner, _ *Decoder) (bool, error) {
	return decodeIdentity(&r.Issuer, &r.Subject, name, s)
}

func encodeIdentity(w *writer, issuer, subject string) {
	w.text("issuer", issuer)
	w.text("subject", subject)
}

func decodeIdentity(issuer, subject *string, name string, s *scanner) (ok bool, err error) {
	switch name {
	case "issuer":
		*issuer, err = s.text()
	case "subject":
		*subject, err = s.text()
	default:
		return false, nil
	}
	return true, err
}

func checkIdentity(issuer, subject string) error {
	if issuer == "" || subject == "" || len(issuer)+len(subject) > 2*maxReason {
		return errors.New("an identity is an issuer and a subject")
	}
	return nil
}
