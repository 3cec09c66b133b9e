package web

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/net/http/httpproxy"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// fromEnvironment returns which proxy a request goes through by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY where the one of the
// request's scheme is not set, and NO_PROXY; of each, the name in small letters goes before. They are read when the first
// request is made.
//
// Errors: fault.Manifest "bad-proxy", which shows no value: a password may be in it.
func fromEnvironment(getenv func(string) string) func(*http.Request) (*url.URL, error) {
	load := sync.OnceValue(func() *proxies { return readProxies(getenv) })
	return func(r *http.Request) (*url.URL, error) { return load().of(r.URL) }
}

// proxies are what the environment says, for each scheme.
type proxies struct {
	named   map[string]proxySetting
	leading func(*url.URL) (*url.URL, error) // whether any proxy may be used at all
}

type proxySetting struct {
	url *url.URL // nil where none is set
	err error
}

func readProxies(getenv func(string) string) *proxies {
	names := []string{"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}
	if getenv("REQUEST_METHOD") != "" {
		names = []string{"http_proxy", "all_proxy", "ALL_PROXY"} // to a CGI program, HTTP_PROXY is what a client says
	}
	const some = "http://proxy.invalid"
	none, _ := firstOf(getenv, "no_proxy", "NO_PROXY")
	return &proxies{
		named: map[string]proxySetting{
			"http":  parseProxy(firstOf(getenv, names...)),
			"https": parseProxy(firstOf(getenv, "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")),
		},
		leading: (&httpproxy.Config{HTTPProxy: some, HTTPSProxy: some, NoProxy: none}).ProxyFunc(),
	}
}

func (p *proxies) of(target *url.URL) (*url.URL, error) {
	set := p.named[target.Scheme]
	if set.url == nil && set.err == nil {
		return nil, nil
	}
	if leads, err := p.leading(target); leads == nil || err != nil {
		return nil, err
	}
	return set.url, set.err
}

// firstOf returns the first variable that is set, and its name.
func firstOf(getenv func(string) string, names ...string) (value, name string) {
	for _, name := range names {
		if value := getenv(name); value != "" {
			return value, name
		}
	}
	return "", ""
}

// parseProxy reads an address, or a host with or without a port.
func parseProxy(value, name string) proxySetting {
	if value == "" {
		return proxySetting{}
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err == nil {
		_, err = canonicalHost(u)
	}
	if err == nil {
		switch u.Scheme {
		case "http", "https", "socks5", "socks5h":
			return proxySetting{url: u}
		case "socks":
			u.Scheme = "socks5"
			return proxySetting{url: u}
		}
	}
	return proxySetting{err: fault.New(fault.Manifest, "bad-proxy", "%s is no address of a proxy", name).
		WithHelp("export %s=http://HOST:PORT    # or https or socks5; or unset %s", name, name)}
}

// ProxyOf is the proxy that a request goes through, nil for none.
func (c *Client) ProxyOf(r *http.Request) *url.URL {
	proxy, err := c.o.Proxy(r)
	if err != nil {
		return nil
	}
	return proxy
}

// proxyError is an error of a request that went through a proxy.
type proxyError struct {
	proxy string // its host and port
	err   error
}

func (e *proxyError) Error() string { return e.cause() }
func (e *proxyError) Unwrap() error { return e.err }

// cause says it in a few words, as [Cause] does.
func (e *proxyError) cause() string {
	var op *net.OpError
	if errors.As(e.err, &op) && op.Op == "proxyconnect" && op.Err != nil {
		return "its proxy " + e.proxy + " cannot be used: " + Cause(op.Err)
	}
	return Cause(e.err) + " (through the proxy " + e.proxy + ")"
}

// overProxy names the proxy of a request that failed.
func (c *Client) overProxy(r *http.Request, err error) error {
	proxy := c.ProxyOf(r)
	if proxy == nil || fault.Of(err) != nil {
		return err
	}
	return &proxyError{printable(proxy.Host), err}
}
