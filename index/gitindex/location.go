package gitindex

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"

	"github.com/geeknik/gal-pkg/internal/alphabet"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// location is a parsed address.
type location struct {
	text   string // as given, for messages
	scheme string // https, http, ssh or file
	host   string // lower case; an IPv6 address without brackets
	port   int    // 0 for the scheme's own
	user   string // ssh only
	path   string // of the repository; a folder of this machine for file
}

func isSSHUser(name string) bool {
	const letters = alphabet.Lower + alphabet.Upper + alphabet.Digits + "_"
	return alphabet.Is(name, 1, 64, letters, letters+".-")
}

func isHost(name string) bool {
	const letters = alphabet.Lower + alphabet.Digits
	return alphabet.Is(name, 1, 253, letters, letters+".-") && !strings.HasSuffix(name, ".") && !strings.HasSuffix(name, "-")
}

// isSCP reports whether text is `user@host:path`, which is no URL.
func isSCP(text string) bool {
	user, rest, ok := strings.Cut(text, "@")
	host, _, colon := strings.Cut(rest, ":")
	return ok && colon && user != "" && host != "" && !strings.ContainsAny(user+host, `/\`)
}

// parseLocation accepts the addresses of the package comment. The schemes are an allow-list: no "ext::", no option that
// a program could take for its own, nothing that a path could leave by.
func parseLocation(text string, allowInsecure bool) (location, error) {
	bad := fault.New(fault.Usage, "git-url", "%q is not the address of a git registry", text).
		WithHelp("use git+https://HOST/PATH, git+ssh://USER@HOST/PATH, git+file:///PATH or a path")
	if text == "" || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return location{}, bad
	}
	kind, rest, isURL := strings.Cut(text, "://")
	if !isURL {
		if strings.HasPrefix(text, "-") || strings.Contains(text, "::") || isSCP(text) {
			return location{}, bad
		}
		return localPath(text, text)
	}
	scheme, ok := strings.CutPrefix(kind, "git+")
	if !ok {
		return location{}, bad
	}
	switch scheme {
	case "file":
		if !filepath.IsAbs(rest) {
			return location{}, bad.WithFact("git+file:// needs an absolute path")
		}
		return localPath(text, rest)
	case "http", "https", "ssh":
		return remoteLocation(text, scheme+"://"+rest, allowInsecure, bad)
	}
	return location{}, bad
}

func localPath(text, path string) (location, error) {
	abs, err := filepath.Abs(path)
	return location{text: text, scheme: "file", path: abs}, err
}

func remoteLocation(text, raw string, allowInsecure bool, bad *fault.Error) (location, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return location{}, bad // not the cause: it repeats the address, and a password with it
	}
	l := location{text: text, scheme: u.Scheme, host: strings.ToLower(u.Hostname()), path: strings.TrimSuffix(u.Path, "/")}
	if u.User != nil {
		l.user = u.User.Username()
		_, secret := u.User.Password()
		if secret || l.scheme != "ssh" {
			return location{}, fault.New(fault.Usage, "git-url-credentials", "the address of a git registry must not hold credentials").
				WithHelp("gal-pkg login")
		}
	}
	if _, err := netip.ParseAddr(l.host); err != nil && !isHost(l.host) {
		return location{}, bad.WithFact("host %q", l.host)
	}
	if p := u.Port(); p != "" {
		if l.port, err = strconv.Atoi(p); err != nil || l.port < 1 || l.port > 65535 {
			return location{}, bad.WithFact("port %q", p)
		}
	}
	if l.scheme == "ssh" && l.user != "" && !isSSHUser(l.user) {
		return location{}, bad.WithFact("user %q", l.user)
	}
	if !plainPath(u) {
		return location{}, bad.WithFact("the path must be plain: no query, no %%-escapes, no empty or dotted parts")
	}
	if l.scheme == "http" && !allowInsecure && !isLoopback(l.host) {
		return location{}, fault.New(fault.Usage, "git-url-insecure", "plain http to %q is not allowed", l.host).
			WithHelp("use git+https://, or set allow_insecure for the registry")
	}
	return l, nil
}

// plainPath accepts paths that have one spelling only, because credentials and caches go by the address.
func plainPath(u *url.URL) bool {
	if u.RawQuery != "" || u.Fragment != "" || u.ForceQuery || u.RawPath != "" || strings.Contains(u.EscapedPath(), "%") {
		return false
	}
	path, ok := strings.CutPrefix(strings.TrimSuffix(u.Path, "/"), "/")
	if !ok && u.Path != "" {
		return false
	}
	if path == "" {
		return u.Scheme != "ssh"
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." || strings.HasPrefix(part, "-") || strings.Contains(part, `\`) {
			return false
		}
	}
	return true
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && addr.Unmap().IsLoopback()
}

// isInternal reports whether a host is one that a public server has no business to send a client to.
func isInternal(host string) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return isLoopback(host)
	}
	addr = addr.Unmap()
	return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() || addr.IsMulticast()
}

// origin is what credentials are kept under: scheme, host, and the port where it is not the scheme's own.
func (l location) origin() string {
	host := l.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if l.port != 0 && !(l.scheme == "https" && l.port == 443) && !(l.scheme == "http" && l.port == 80) {
		host = net.JoinHostPort(l.host, strconv.Itoa(l.port))
	}
	return l.scheme + "://" + host
}

// remoteOrigin returns the origin of a URL of HTTP.
func remoteOrigin(u *url.URL) (string, error) {
	l := location{scheme: u.Scheme, host: strings.ToLower(u.Hostname())}
	if u.Port() == "" {
		return l.origin(), nil
	}
	var err error
	l.port, err = strconv.Atoi(u.Port())
	return l.origin(), err
}

// url is the address without "git+", for other programs.
func (l location) url() string {
	host := strings.TrimPrefix(l.origin(), l.scheme+"://")
	if l.user != "" {
		host = l.user + "@" + host
	}
	return l.scheme + "://" + host + l.path
}

func (l location) endpoint() *transport.Endpoint {
	host := l.host
	if strings.Contains(host, ":") && l.scheme != "ssh" {
		host = "[" + host + "]"
	}
	return &transport.Endpoint{Protocol: l.scheme, User: l.user, Host: host, Port: l.port, Path: l.path}
}
