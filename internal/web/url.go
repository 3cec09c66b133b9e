package web

import (
	"net"
	"net/netip"
	"net/url"
	"path"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// maxURL bounds an address in bytes.
const maxURL = 8 << 10

// Canonical returns the one spelling of an http or https address under which credentials, pins and caches are kept: lower
// case scheme and host, no dot at the end of the host, no port that is the scheme's own, no `.` or `..` in the path
// however it is escaped, no fragment; a path that is empty becomes "/". Userinfo is refused.
func Canonical(raw string) (string, error) {
	u, err := parse(raw)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// Origin returns the scheme, host and port of an address, as [Options.Credentials] gets them.
func Origin(raw string) (string, error) {
	u, err := parse(raw)
	if err != nil {
		return "", err
	}
	return origin(u), nil
}

func badURL(raw, format string, args ...any) error {
	return fault.New(fault.Usage, "bad-url", "address "+Redact(raw)+" "+format, args...)
}

func parse(raw string) (*url.URL, error) {
	if len(raw) > maxURL {
		return nil, fault.New(fault.Usage, "bad-url", "an address of %d bytes is longer than %d", len(raw), maxURL)
	}
	for i := range len(raw) {
		if raw[i] <= ' ' || raw[i] == 0x7f || raw[i] == '\\' {
			return nil, badURL(raw, "has the character %q", raw[i])
		}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, badURL(raw, "is malformed")
	}
	if u.User != nil {
		return nil, badURL(raw, "holds a user name or password; store them with gal-pkg login")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "" {
		return nil, badURL(raw, "is neither http nor https")
	}
	if u.Host, err = canonicalHost(u); err != nil {
		return nil, badURL(raw, "has no usable host; write an international name in its xn-- form")
	}
	cleanPath(u)
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

func canonicalHost(u *url.URL) (string, error) {
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	port := u.Port()
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		if host = addr.String(); addr.Is6() {
			host = "[" + host + "]"
		}
	} else if !plainHost(host) {
		return "", net.InvalidAddrError("host")
	}
	if port == "" || u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443" {
		return host, nil
	}
	return host + ":" + port, nil
}

// plainHost admits what the name system holds; international names are written in their xn-- form, so that two names
// which look the same are not taken for one.
func plainHost(host string) bool {
	if host == "" || len(host) > 253 || strings.Contains(host, "..") || host[0] == '.' {
		return false
	}
	for i := range len(host) {
		c := host[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// cleanPath removes dot segments also where a server would decode them first, and keeps a slash at the end.
func cleanPath(u *url.URL) {
	escaped := dotEscapes.Replace(u.EscapedPath())
	clean := path.Clean("/" + escaped)
	if strings.HasSuffix(escaped, "/") && clean != "/" {
		clean += "/"
	}
	if decoded, err := url.PathUnescape(clean); err == nil {
		u.Path, u.RawPath = decoded, clean
	}
}

var dotEscapes = strings.NewReplacer("%2e", ".", "%2E", ".")

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// Redact returns an address as it may be shown and logged: without userinfo, query and fragment, which can hold tokens.
func Redact(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		scheme, rest = "", raw
	} else {
		scheme += "://"
	}
	// A user name with a ? or # in it is no legal one, but is typed.
	host, tail, slash := strings.Cut(rest, "/")
	host = host[strings.LastIndexByte(host, '@')+1:]
	if slash {
		host += "/" + tail
	}
	if i := strings.IndexAny(host, "?#"); i >= 0 {
		host = host[:i] + "?..."
	}
	return printable(scheme + host)
}

// printable replaces what a terminal would obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}

// isLoopbackHost reports whether a host means this machine without asking anybody.
func isLoopbackHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// isInside reports whether an address is of this machine or a private network, where only those who are in it may send
// us. Addresses that wrap an IPv4 one count as that one.
func isInside(addr netip.Addr) bool {
	addr = unwrap(addr.Unmap())
	return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsLinkLocalMulticast() ||
		addr.IsMulticast() || addr.IsUnspecified() || carrierNAT().Contains(addr) || addr.Is4() && addr.As4()[0] == 0
}

// carrierNAT is the shared address space of RFC 6598, which clouds use for their own services.
func carrierNAT() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10)
}

// unwrap finds the IPv4 address in a NAT64 (64:ff9b::/96) or 6to4 (2002::/16) one.
func unwrap(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return addr
	}
	b := addr.As16()
	switch {
	case strings.HasPrefix(string(b[:]), "\x00\x64\xff\x9b\x00\x00\x00\x00\x00\x00\x00\x00"):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case b[0] == 0x20 && b[1] == 0x02:
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return addr
}
