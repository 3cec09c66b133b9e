package desk

import (
	"fmt"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/sign"
)

// Words says in a sentence what a line does once it counts, for people who are to sign or to judge it.
func Words(l *index.Line) string {
	switch b := l.Body.(type) {
	case *index.Publish:
		return fmt.Sprintf("publish %s %s (%s)", l.Subject, b.Version, b.Checksum)
	case *index.Yank:
		return fmt.Sprintf("yank %s %s (%s)", l.Subject, b.Version, because(b.Class, b.Reason))
	case *index.Unyank:
		return fmt.Sprintf("take back the yank of %s %s%s", l.Subject, b.Version, inBrackets(b.Reason))
	case *index.Deprecate:
		return wordsOfDeprecate(l.Subject, b)
	case *index.Owners:
		return fmt.Sprintf("make %s the owners of %s, of whom %d must sign changes of owners%s",
			strings.Join(b.Owners, ", "), l.Subject, b.Threshold, inBrackets(b.Reason))
	case *index.Tombstone:
		return fmt.Sprintf("close %s for ever%s", l.Subject, inBrackets(b.Reason))
	case *index.Recover:
		return fmt.Sprintf("give %s to %s, of whom %d must sign changes of owners, past those who own it now%s",
			l.Subject, strings.Join(b.Owners, ", "), b.Threshold, inBrackets(b.Reason))
	case *index.Register:
		return fmt.Sprintf("register publisher %s with key %s", l.Subject, hintOf(b.Key))
	case *index.AddKey:
		return fmt.Sprintf("let key %s speak for publisher %s%s", hintOf(b.Key), l.Subject, inBrackets(b.Reason))
	case *index.RevokeKey:
		return wordsOfRevoke(l.Subject, b)
	case *index.AddIdentity:
		return fmt.Sprintf("let %s of %s publish for %s", b.Subject, b.Issuer, l.Subject)
	case *index.RemoveIdentity:
		return fmt.Sprintf("no longer let %s of %s publish for %s", b.Subject, b.Issuer, l.Subject)
	}
	return fmt.Sprintf("%s %s", l.Event, l.Subject)
}

func wordsOfDeprecate(name string, b *index.Deprecate) string {
	switch {
	case b.Message == "" && b.Replacement == "":
		return fmt.Sprintf("take back the deprecation of %s", name)
	case b.Replacement == "":
		return fmt.Sprintf("deprecate %s%s", name, inBrackets(b.Message))
	}
	return fmt.Sprintf("deprecate %s in favour of %s%s", name, b.Replacement, inBrackets(b.Message))
}

func wordsOfRevoke(id string, b *index.RevokeKey) string {
	since := ""
	if b.CompromisedSince != nil {
		since = fmt.Sprintf("; what it signed from log index %d on is suspect", *b.CompromisedSince)
	}
	return fmt.Sprintf("end key %s of publisher %s%s%s", b.Key, id, inBrackets(b.Reason), since)
}

func because(class, reason string) string { return strings.TrimSuffix(class+": "+reason, ": ") }

func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

func hintOf(spki string) string {
	key, err := sign.ParsePublicKey(spki)
	if err != nil {
		return "?"
	}
	return key.Hint()
}
