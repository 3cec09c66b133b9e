// Package fault is the shape of an error that a user meets: what happened, the facts that show it, and the command that
// helps. Its kinds are the GalError variants of the package system's specification, refined where a program must branch:
// the exit code of a command is a function of the kind alone.
package fault

import (
	"errors"
	"fmt"
)

// Kind says whose matter an error is.
type Kind string

const (
	Usage      Kind = "usage"       // a flag, name or version that cannot be meant
	Manifest   Kind = "config"      // a manifest, lock or configuration file that is wrong (ConfigError, PackageError)
	NoSolution Kind = "no-solution" // requirements that no set of versions fulfils
	NotFound   Kind = "not-found"   // a package, version, feature or registry that is not there (RegistryError)
	Network    Kind = "network"     // a host that does not answer, or was not to be asked
	Integrity  Kind = "integrity"   // bytes, signatures or histories that are not what they must be (SecurityError)
	Auth       Kind = "auth"        // credentials that are missing or refused (AuthError)
	Cancelled  Kind = "cancelled"   // the user said no, or a question could not be asked
	Negative   Kind = "negative"    // the command ran, and its answer is no
	Internal   Kind = "internal"    // a bug of ours
)

// Error is an error with everything a user needs to act on it. Build it with [New] and the With methods.
type Error struct {
	Kind    Kind
	Code    string   // stable kebab-case word, for programs and for `help errors/CODE`
	Message string   // one sentence: lower case, no full stop
	Facts   []string // indented lines below it: expected, actual, file, url, required by
	Help    []string // commands to copy
	Err     error    // the cause, where there is one
}

// New makes an error of a kind; the message is formatted as by fmt.Sprintf.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// WithFact adds a line that shows what the message says, and returns e.
func (e *Error) WithFact(format string, args ...any) *Error {
	e.Facts = append(e.Facts, fmt.Sprintf(format, args...))
	return e
}

// WithHelp adds a command or advice, and returns e.
func (e *Error) WithHelp(format string, args ...any) *Error {
	e.Help = append(e.Help, fmt.Sprintf(format, args...))
	return e
}

// Because records the cause, and returns e.
func (e *Error) Because(err error) *Error {
	e.Err = err
	return e
}

// Error returns the message and, after a colon, the cause.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Of returns the first Error in err's chain, or nil.
func Of(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// KindOf returns the kind of the first Error in err's chain, Internal for an error that has none, "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e := Of(err); e != nil {
		return e.Kind
	}
	return Internal
}

// IsCode reports whether err's chain holds an Error with that code.
func IsCode(err error, code string) bool {
	e := Of(err)
	return e != nil && e.Code == code
}
