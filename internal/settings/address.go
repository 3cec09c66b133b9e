package settings

import (
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/geeknik/gal-pkg/internal/web"
)

// Kinds of an address, by the transport that reads it.
const (
	Static    = "static" // https:// or http://
	Git       = "git"    // git+https://, git+http://, git+ssh:// or git+file://
	Directory = "dir"    // file:// or an absolute path
)

// maxAddress bounds an address, in bytes.
const maxAddress = 2048

// address is an address in its one spelling.
type address struct {
	text     string
	kind     string
	origin   string // scheme://host[:port], "" for a directory
	insecure bool   // plain http beyond loopback
}

// parseAddress reads the address of a registry. The errors are the ends of sentences that begin with the key, and show
// neither password nor query.
func parseAddress(raw string) (address, error) {
	switch {
	case raw == "":
		return address{}, fmt.Errorf("is empty")
	case len(raw) > maxAddress:
		return address{}, fmt.Errorf("has %d bytes, at most %d are allowed", len(raw), maxAddress)
	case strings.ContainsFunc(raw, unicode.IsControl) || !utf8.ValidString(raw):
		return address{}, fmt.Errorf("holds a control character")
	case filepath.IsAbs(raw):
		return address{text: filepath.Clean(raw), kind: Directory}, nil
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return address{}, unknownAddress(raw)
	}
	if strings.ContainsAny(rest, "?#") {
		return address{}, fmt.Errorf("is %q; the address of a registry has no query and no fragment", web.Redact(raw))
	}
	switch scheme = strings.ToLower(scheme); scheme {
	case "https", "http":
		return webAddress("", scheme+"://"+rest, Static)
	case "git+https", "git+http":
		return webAddress("git+", strings.TrimPrefix(scheme, "git+")+"://"+rest, Git)
	case "git+ssh":
		return sshAddress(raw, rest)
	case "file":
		return fileAddress(raw, scheme, rest, Directory)
	case "git+file":
		return fileAddress(raw, scheme, rest, Git)
	}
	return address{}, unknownAddress(raw)
}

func unknownAddress(raw string) error {
	hint := ""
	switch user, _, at := strings.Cut(raw, "@"); {
	case strings.HasPrefix(raw, "ssh://"):
		hint = "; write git+ssh://"
	case at && !strings.ContainsAny(user, "/:"):
		hint = "; write git+ssh://USER@HOST/PATH"
	}
	return fmt.Errorf("is %q, which is no https://, git+https://, git+ssh://, file:/// address and no absolute path%s", web.Redact(raw), hint)
}

func webAddress(prefix, raw, kind string) (address, error) {
	text, err := web.Canonical(raw)
	if err != nil {
		return address{}, fmt.Errorf("is wrong: %w", err)
	}
	origin, err := web.Origin(text)
	if err != nil {
		return address{}, fmt.Errorf("is wrong: %w", err)
	}
	u, err := url.Parse(text)
	if err != nil {
		return address{}, fmt.Errorf("is malformed")
	}
	insecure := u.Scheme == "http" && !loopback(u.Hostname())
	return address{prefix + strings.TrimRight(text, "/"), kind, origin, insecure}, nil
}

// loopback reports whether a host means this machine without asking anybody, by the rules of package web.
func loopback(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// sshAddress accepts a user's name, which is no secret and which most hosts want to be `git`. What begins with a hyphen
// would be an option of ssh.
func sshAddress(raw, rest string) (address, error) {
	authority, path, _ := strings.Cut(rest, "/")
	user, host, named := strings.Cut(authority, "@")
	if !named {
		user, host = "", authority
	}
	if strings.Contains(user, ":") {
		return address{}, fmt.Errorf("is %q with a password in it; ssh uses keys", web.Redact(raw))
	}
	if named && !isUser(user) {
		return address{}, fmt.Errorf("is %q with a user name that cannot be used", web.Redact(raw))
	}
	// The rules for hosts are those of the web; only the scheme, and with it the port that goes without saying, differs.
	scheme := "https://"
	if strings.HasSuffix(host, ":443") {
		scheme = "http://"
	}
	text, err := web.Canonical(scheme + strings.TrimSuffix(host, ":22") + "/" + path)
	if err != nil || strings.HasPrefix(host, "-") {
		return address{}, fmt.Errorf("is %q, which has no usable host", web.Redact(raw))
	}
	text = strings.TrimPrefix(strings.TrimRight(text, "/"), scheme)
	host, path, _ = strings.Cut(text, "/")
	if path == "" || strings.HasPrefix(path, "-") {
		return address{}, fmt.Errorf("is %q, which names no repository", web.Redact(raw))
	}
	if named {
		text = user + "@" + text
	}
	return address{text: "git+ssh://" + text, kind: Git, origin: "ssh://" + host}, nil
}

func isUser(name string) bool {
	return name != "" && len(name) <= 64 && !strings.ContainsAny(name[:1], ".-") && only(name, alphanumeric+strings.ToUpper(letters)+"._-")
}

func fileAddress(raw, scheme, rest, kind string) (address, error) {
	path, ok := strings.CutPrefix(rest, "localhost")
	if !ok {
		path = rest
	}
	decoded, err := url.PathUnescape(path)
	if err != nil || !strings.HasPrefix(path, "/") || strings.ContainsFunc(decoded, unicode.IsControl) || !utf8.ValidString(decoded) {
		return address{}, fmt.Errorf("is %q; write %s:///ABSOLUTE/PATH", web.Redact(raw), scheme)
	}
	clean := url.URL{Scheme: scheme, Path: cleanSlash(decoded)}
	return address{text: clean.String(), kind: kind}, nil
}

// cleanSlash is filepath.Clean for a path with forward slashes on any system.
func cleanSlash(path string) string { return filepath.ToSlash(filepath.Clean(path)) }
