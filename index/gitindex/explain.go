package gitindex

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/transport"

	"github.com/geeknik/gal-pkg/index/gitindex/gitwire"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/web"
)

// errObjectFormat is matched where a server's ids are not SHA-1.
var errObjectFormat = errors.New("the object format is not sha1")

// explain turns an error of the transport into one for the user. What the server has said is quoted, never passed on
// raw: it may hold escape sequences for the terminal.
func (r *remote) explain(err error) error {
	at := r.at.text
	var wrapped *plumbing.UnexpectedError
	if errors.As(err, &wrapped) { // it does not unwrap by itself
		err = wrapped.Err
	}
	switch {
	case err == nil, fault.Of(err) != nil, errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, gitrepo.ErrTooLarge):
		return fault.New(fault.Integrity, "git-response-too-large", "the git server of %q sends more than is allowed", at).
			WithFact("limit of a fetch: %d bytes", r.opts.MaxPackBytes).Because(err)
	case errors.Is(err, errObjectFormat):
		return fault.New(fault.Manifest, "git-format-unknown", "the git repository at %q has a format that is not understood", at).Because(err)
	case errors.Is(err, transport.ErrAuthenticationRequired):
		return fault.New(fault.Auth, "git-auth-required", "%q asks for credentials, or refuses those it was given", at).
			WithHelp("gal-pkg login")
	case errors.Is(err, transport.ErrAuthorizationFailed):
		return fault.New(fault.Auth, "git-auth-refused", "%q does not allow that", at)
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return fault.New(fault.NotFound, "git-repository-not-found", "there is no git repository at %q, or it is not shown without credentials", at)
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return fault.New(fault.NotFound, "git-branch-not-found", "the git repository at %q is empty", at)
	case errors.Is(err, errRedirect), strings.Contains(err.Error(), "http redirect: "): // ours, and go-git's
		return fault.New(fault.Network, "git-redirect-refused", "the git server of %q redirects to where it must not", at).
			WithFact("%s", quoted(err))
	case r.at.scheme == "ssh" && isHandshake(err.Error()):
		return fault.New(fault.Auth, "git-ssh-failed", "no ssh connection to %q", at).WithFact("%s", quoted(err)).
			WithHelp("ssh-add -l").WithHelp("ssh %s", r.at.host)
	}
	switch {
	case errors.Is(err, gitwire.ErrPage):
		return fault.New(fault.Network, "captive-portal", "%q answered with a web page instead of git's protocol", at).
			WithFact("a login page of the network stands in between, or the URL is not that of a repository").
			WithHelp("gal-pkg registry list")
	case isDown(err):
		return fault.New(fault.Network, "git-unreachable", "cannot reach %q", at).Because(&serverError{web.Cause(err), err})
	}
	if errors.Is(err, gitwire.ErrMalformed) {
		err = fmt.Errorf("%w (is it one of smart HTTP?)", err)
	}
	cause := &serverError{quoted(err), err}
	return fault.New(fault.Network, "git-unreachable", "the git server of %q did not answer as it should", at).Because(cause)
}

// isHandshake tells keys, agents and host keys from a network that is down, by the words of the ssh library.
func isHandshake(text string) bool {
	for _, word := range []string{"ssh:", "SSH", "knownhosts", "known_hosts"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// serverError shows a text that is safe to print, and matches what the original matches.
type serverError struct {
	text string
	err  error
}

func (e *serverError) Error() string { return e.text }
func (e *serverError) Unwrap() error { return e.err }

// quoted escapes everything that is not printable.
func quoted(err error) string {
	text := err.Error()
	if len(text) > 500 {
		text = text[:500] + "..."
	}
	q := fmt.Sprintf("%q", text)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// isServersWord reports whether a server has said that it will not do what it was asked: there are many words for filters
// and ids that it does not allow.
func isServersWord(err error) bool {
	var said *gitwire.ServerError
	return errors.As(err, &said)
}

// isNoAnswer reports whether a server that has greeted did not answer a request as it should: it has said no, in a form of git's
// or of its own, or broken off.
func isNoAnswer(err error) bool { return fault.IsCode(err, "git-unreachable") && !isDown(err) }

// isDown reports whether there is no connection to a server, or none that can be trusted.
func isDown(err error) bool {
	var connection *net.OpError
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &connection) || errors.As(err, &certificate)
}

// isRefusal reports whether a server has refused to send an object by its id, by git's own words for it, which most
// servers repeat, and those of JGit.
func isRefusal(err error) bool {
	var said *gitwire.ServerError
	if !errors.As(err, &said) {
		return false
	}
	for _, words := range []string{"not our ref", "unadvertised object", "not valid"} {
		if strings.Contains(said.Text, words) {
			return true
		}
	}
	return false
}
