// Package web is the one way in which the project speaks HTTP. It knows no registry: it moves bounded bytes between an
// origin and a caller who checks them.
//
// # Rules
//
//   - Schemes are http and https. Plain http goes to loopback, and where [Options.AllowInsecure] says so.
//   - No request goes to an origin that [Options.Blocked] names.
//   - Redirects: at most [MaxRedirects], for GET and HEAD alone; never from https to http, never with credentials in the
//     address, never from a public host to one that is loopback, link-local or private.
//   - Authorization belongs to one origin, which is scheme, host and port. It is sent there and nowhere else; once a
//     redirect has left that origin it does not come back. It is the only header that carries a secret.
//   - Heads of answers are at most [MaxHeader] bytes, bodies what the caller allows: a body that comes packed, as zstd
//     (RFC 8878) or gzip (RFC 1952), before and after it is unpacked.
//   - Proxies come from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY. Through a proxy, names are resolved there, so only
//     addresses and localhost can be judged as private.
//   - Where a host's authority is unknown, and SSL_CERT_FILE or SSL_CERT_DIR, which stand in for the system's lists of files
//     and folders, name what holds none, that is the error.
//   - An attempt that stands still for [Options.Timeout], or crawls, is given up and counts as a failed connection.
//   - Tried again are failed connections, answers cut short, 429 and 5xx, and only for requests that change nothing when
//     repeated; with growing, jittered pauses, or what Retry-After asks for, up to a minute. Never any other answer, and
//     never once [Options.Silence] or [Options.Patience] is over. What was cut short goes on where it was, if the host says
//     by a strong ETag that it is still the same file. An attempt that brought a good part of a file does not count.
//
// # Errors
//
// Every error is a *fault.Error with one line and no byte of a body: kind network (code network-unreachable, or
// origin-blocked, insecure-url, bad-redirect, response-too-large, too-slow, rate-limited, http-status), auth (auth-required for 401, auth-refused
// for 403), not-found (url-not-found for 404 and 410), manifest (bad-ca-file, bad-proxy: the environment), cancelled when the
// context is done. They name the host that failed, and the one whose redirect led there. Addresses in them have lost their
// userinfo and their query, where tokens live.
//
//	c, err := web.New(web.Options{UserAgent: "gal-pkg/1.0"})
//	r, err := c.Get(ctx, "https://registry.example/registry.toml", web.GetOptions{MaxBytes: 1 << 20, IfNoneMatch: etag})
package web

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Limits.
const (
	MaxRedirects = 5
	MaxHeader    = 64 << 10
	MaxWait      = time.Minute // the longest pause that a Retry-After gets
	maxConns     = 128         // connections to one host; HTTP/2 needs one
)

// Options shape a Client. The zero value is a client without credentials.
type Options struct {
	// Silence is for how long a request may bring nothing, all attempts together: none begins when more than this has passed
	// since the first one. Time in which the bytes of a body come does not count, and neither do pauses that the host asks
	// for. 0 means 30 s, or Timeout where that is more.
	Silence time.Duration
	// Timeout is for how long one attempt may stand still. 0 means a third of Silence, 10 s. A host that says nothing is so
	// given up after Silence and Timeout together at the latest, 40 s.
	Timeout   time.Duration
	Retries   int           // attempts after the first; 0 means 3, less than 0 none
	Patience  time.Duration // is Silence with the pauses that the host asks for; 0 means 2 minutes, or Silence where that is more
	UserAgent string

	// Credentials returns the Authorization value for exactly this origin ("https://host:port", the port only where it
	// is not the scheme's own), "" for none. Nil means none anywhere.
	Credentials func(origin string) string
	// AllowInsecure permits plain http to an origin that is not loopback. Nil means nowhere.
	AllowInsecure func(origin string) bool
	// Blocked forbids an origin: no request goes there, whatever leads to it. Nil means none.
	Blocked func(origin string) bool
	// CAFile names a PEM file of authorities that are trusted beside the system's.
	CAFile string
	// Identity is a certificate that one origin asks for. The zero value is none.
	Identity Identity

	// Around stands between the rules of this package and the connections that carry a request, for rehearsing failures:
	// every check is above it. Nil is nothing.
	Around func(http.RoundTripper) http.RoundTripper

	// The rest is for tests; nil means the real thing.
	Proxy   func(*http.Request) (*url.URL, error)
	Sleep   func(context.Context, time.Duration) error
	Now     func() time.Time
	Jitter  func() float64 // in [0,1)
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client sends requests by the rules of the package comment. It is safe for concurrent use.
type Client struct {
	o        Options
	http     *http.Client
	requests atomic.Int64
	bytes    atomic.Int64
	retries  atomic.Int64
	room     *room // for bodies that are longer than smallBody
	unpacker *unpacker
}

// New returns a Client; the error is about CAFile or Identity.
func New(o Options) (*Client, error) {
	o = o.withDefaults()
	roots, err := authorities(o.CAFile)
	if err != nil {
		return nil, err
	}
	c := &Client{o: o, room: newRoom(), unpacker: newUnpacker()}
	if c.o.Dial == nil {
		d := &net.Dialer{Timeout: o.Timeout, KeepAlive: 30 * time.Second, ControlContext: refuseInside}
		c.o.Dial = d.DialContext
	}
	transport := &http.Transport{
		Proxy:                  o.Proxy,
		OnProxyConnectResponse: connected,
		DialContext:            c.o.Dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    o.Timeout,
		MaxResponseHeaderBytes: MaxHeader,
		MaxIdleConns:           2 * maxConns,
		MaxIdleConnsPerHost:    maxConns,
		MaxConnsPerHost:        maxConns,
		IdleConnTimeout:        90 * time.Second,
		ForceAttemptHTTP2:      true,
	}
	g := &gate{client: c, next: o.around(transport)}
	if o.Identity.Origin != "" {
		known, err := identified(transport, o.Identity, o.Now())
		if err != nil {
			return nil, err
		}
		g.known, g.tunnelled = o.around(known), o.around(tunnelled(known))
	}
	c.http = &http.Client{Transport: g, CheckRedirect: c.checkRedirect}
	return c, nil
}

// connected looks at a proxy's answer to CONNECT.
func connected(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusProxyAuthRequired:
		return proxyAuth(proxy)
	}
	return fault.New(fault.Network, Unreachable, "the proxy %s does not lead there: it answers %d", printable(proxy.Host), resp.StatusCode)
}

func (o Options) around(t http.RoundTripper) http.RoundTripper {
	if o.Around == nil {
		return t
	}
	return o.Around(t)
}

func (o Options) withDefaults() Options {
	if o.Silence <= 0 {
		o.Silence = max(30*time.Second, o.Timeout)
	}
	if o.Timeout <= 0 {
		o.Timeout = o.Silence / 3
	}
	if o.Retries == 0 {
		o.Retries = 3
	}
	if o.Patience <= 0 {
		o.Patience = max(2*time.Minute, o.Silence)
	}
	if o.Proxy == nil {
		o.Proxy = fromEnvironment(os.Getenv)
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Resolve == nil {
		o.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	return o
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// HTTP returns an http.Client that keeps the rules on schemes, redirects, credentials and progress, for a library that
// brings its own protocol. It does not retry, and the caller bounds the bodies.
func (c *Client) HTTP() *http.Client { return c.http }

// Counts are what a Client did so far.
type Counts struct {
	Requests int64 `json:"requests"` // sent, redirects and retries included
	Retries  int64 `json:"retries"`
	Bytes    int64 `json:"bytes"` // of bodies received
}

// Counts returns the counters.
func (c *Client) Counts() Counts {
	return Counts{Requests: c.requests.Load(), Retries: c.retries.Load(), Bytes: c.bytes.Load()}
}
