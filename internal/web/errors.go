package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Unreachable is the code of every failure to speak with a host, and of one that stands still.
const Unreachable = "network-unreachable"

// connectionError explains an error of the transport, of a request for target that failed at an address, in one line.
func connectionError(ctx context.Context, target, at string, err error) *fault.Error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fault.New(fault.Cancelled, "interrupted", "the request to %s was given up", host(target)).Because(context.Cause(ctx))
	}
	if f := fault.Of(err); f != nil {
		return f
	}
	return fault.New(fault.Network, Unreachable, "cannot reach %s: %s", place(target, at), Cause(err)).WithFact("url %s", Redact(at))
}

// failedAt is the address of the request that failed, which after a redirect is not the one that was asked for.
func failedAt(target string, err error) string {
	var failed *url.Error
	if errors.As(err, &failed) && failed.URL != "" {
		return failed.URL
	}
	return target
}

// place names the host at an address, and the host that has led there where that is another.
func place(target, at string) string {
	first, last := host(target), host(at)
	if first != last {
		last += " (to which " + first + " redirects)"
	}
	return last
}

// Cause says why there is no answer: in a few words that are safe to print, without the address that the libraries repeat,
// which may hold tokens.
func Cause(err error) string {
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var timeout net.Error
	var proxied *proxyError
	if errors.As(err, &proxied) {
		return proxied.cause()
	}
	switch {
	case errors.Is(err, errStalled):
		return errStalled.Error()
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host"
	case errors.As(err, &dns):
		return "the name cannot be resolved"
	case errors.As(err, &authority):
		return "its certificate is from an unknown authority"
	case errors.As(err, &name):
		return "its certificate is for another host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired or is not valid yet"
	case errors.As(err, &invalid):
		return "its certificate is not valid"
	case errors.As(err, &record):
		return "it does not speak TLS"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection was reset"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the answer was cut short"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it did not answer in time"
	}
	if strings.Contains(err.Error(), "http2: client conn could not be established") {
		// The library keeps the host's reason to itself where its alert is faster than our request.
		return "it ends the connection at once, as a host does that asks for another client certificate"
	}
	return innermost(err)
}

// innermost is the text of an unknown error, unless it holds an address.
func innermost(err error) string {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	text := printable(err.Error())
	if strings.Contains(text, "://") || len(text) > 200 {
		return "the request failed"
	}
	return text
}

func host(target string) string {
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		return printable(u.Host)
	}
	return Redact(target)
}

// statusError explains an answer that is not the one asked for.
func (c *Client) statusError(target string, resp *http.Response) *fault.Error {
	status, at := resp.StatusCode, address(resp)
	says := fmt.Sprintf("%s answers %d", place(target, at), status)
	if name := http.StatusText(status); name != "" {
		says += " (" + strings.ToLower(name) + ")"
	}
	var e *fault.Error
	switch status {
	case http.StatusUnauthorized:
		e = fault.New(fault.Auth, "auth-required", "%s", says).WithHelp("gal-pkg login")
	case http.StatusForbidden:
		e = fault.New(fault.Auth, "auth-refused", "%s", says)
	case http.StatusNotFound, http.StatusGone:
		e = fault.New(fault.NotFound, "url-not-found", "%s", says)
	case http.StatusTooManyRequests:
		e = fault.New(fault.Network, "rate-limited", "%s", says)
	case http.StatusProxyAuthRequired:
		e = proxyAuth(c.ProxyOf(resp.Request))
	default:
		e = fault.New(fault.Network, "http-status", "%s", says)
	}
	return e.WithFact("url %s", Redact(at))
}

// address is where an answer came from at last.
func address(resp *http.Response) string { return resp.Request.URL.String() }

// proxyAuth says which proxy wants to know who we are, or does not take what it is told.
func proxyAuth(proxy *url.URL) *fault.Error {
	name := "the proxy"
	if proxy != nil && proxy.Host != "" {
		name += " " + printable(proxy.Host)
	}
	does := "asks for credentials"
	if proxy != nil && proxy.User != nil {
		does = "refuses the credentials that it is sent"
	}
	return fault.New(fault.Network, "proxy-auth", "%s %s", name, does).
		WithHelp("set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, and HTTP_PROXY where plain http is used")
}

// TooLarge is the code of an answer that is longer than the caller allowed.
const TooLarge = "response-too-large"

func tooLarge(target, at string, limit int64) *fault.Error {
	return fault.New(fault.Network, TooLarge, "%s sends more than %d bytes", place(target, at), limit).WithFact("url %s", Redact(at))
}

// TooSlow is the code of an answer that comes more slowly than the caller wants to wait for.
const TooSlow = "too-slow"

func tooSlow(target, at string) *fault.Error {
	return fault.New(fault.Network, TooSlow, "%s is too slow", place(target, at)).WithFact("url %s", Redact(at))
}
