package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"syscall"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// gate is the RoundTripper that every request and every redirect goes through.
type gate struct {
	client    *Client
	next      http.RoundTripper
	known     http.RoundTripper // shows who we are, to the origin of [Options.Identity] alone; nil without one
	tunnelled http.RoundTripper // likewise, through a proxy that is reached over TLS
}

// transport is what carries a request: only the origin that a certificate is for gets to see it.
func (g *gate) transport(r *http.Request) http.RoundTripper {
	if g.known != nil && origin(r.URL) == g.client.o.Identity.Origin && atHome(r) {
		if proxy := g.client.ProxyOf(r); proxy != nil && proxy.Scheme == "https" {
			return g.tunnelled
		}
		return g.known
	}
	return g.next
}

// RoundTrip checks the address, adds what belongs to it, and watches the progress of both bodies.
func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	c := g.client
	if err := c.checkScheme(r); err != nil {
		closeBody(r)
		return nil, err
	}
	w := newWatch(r.Context(), c.o.Timeout)
	r = r.Clone(w.ctx)
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", c.o.UserAgent)
	}
	if r.Header.Get("Authorization") == "" && c.o.Credentials != nil && atHome(r) {
		if value := c.o.Credentials(origin(r.URL)); value != "" {
			r.Header.Set("Authorization", value)
		}
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &sendBody{ReadCloser: r.Body, watch: w}
	}
	c.requests.Add(1)
	resp, err := g.transport(r).RoundTrip(r)
	if err != nil {
		err = c.overProxy(r, w.end(err))
		if bad := checkAuthorities(err, os.Getenv); bad != nil {
			return nil, bad.WithFact("%s: %s", printable(r.URL.Host), Cause(err))
		}
		return nil, err
	}
	w.answer()
	resp.Body = &receiveBody{body: resp.Body, watch: w, count: &c.bytes}
	return resp, nil
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		r.Body.Close()
	}
}

func (c *Client) checkScheme(r *http.Request) error {
	u := r.URL
	switch {
	case c.o.Blocked != nil && c.o.Blocked(origin(u)):
		return led(r, fault.New(fault.Network, "origin-blocked", "%s may not be asked", Redact(u.String())).
			WithFact(`origin = "block" in registries.toml: only the mirrors of this registry are`))
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return fault.New(fault.Network, "insecure-url", "%s is neither http nor https", Redact(u.String()))
	case isLoopbackHost(u.Hostname()), c.o.AllowInsecure != nil && c.o.AllowInsecure(origin(u)):
		return nil
	}
	return led(r, fault.New(fault.Network, "insecure-url", "%s is not encrypted", Redact(u.String())).
		WithHelp("use https, or set allow_insecure = true for this registry"))
}

// led adds who has led to a request, where it is the user's no more.
func led(r *http.Request, e *fault.Error) error {
	if r.Response != nil && r.Response.Request != nil {
		e.WithFact("%s redirects there", Redact(r.Response.Request.URL.String()))
	}
	return e
}

// atHome reports whether no redirect that led to r has left its origin.
func atHome(r *http.Request) bool {
	home := origin(r.URL)
	for prior := r.Response; prior != nil && prior.Request != nil; prior = prior.Request.Response {
		if origin(prior.Request.URL) != home {
			return false
		}
	}
	return true
}

// checkRedirect decides on the next hop; via are the requests so far.
func (c *Client) checkRedirect(r *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	to := Redact(r.URL.String())
	refuse := func(why string) error {
		return fault.New(fault.Network, "bad-redirect", "%s redirects to %s, %s", Redact(last.URL.String()), to, why)
	}
	canonical, err := parse(r.URL.String())
	switch {
	case first.Method != http.MethodGet && first.Method != http.MethodHead:
		return refuse("which a request that sends data does not follow")
	case len(via) > MaxRedirects:
		return refuse("one redirect too many")
	case r.URL.User != nil:
		return refuse("an address with credentials")
	case err != nil:
		return refuse("which is no address to go to")
	case last.URL.Scheme == "https" && canonical.Scheme != "https":
		return refuse("which is not encrypted")
	}
	// The standard library keeps Authorization for another port of the same host, and tells the next host our address.
	r.Header.Del("Referer")
	if !atHome(r) {
		r.Header.Del("Authorization")
		r.Header.Del("Cookie")
	}
	return c.stayOutside(r, first, canonical.Hostname(), refuse)
}

// stayOutside refuses a hop by which a public host sends us to this machine or into a private network. What the first
// host is was the user's choice; where it is inside itself, others may be too.
func (c *Client) stayOutside(r, first *http.Request, host string, refuse func(string) error) error {
	if c.inside(first, first.URL.Hostname()) {
		return nil
	}
	if c.inside(r, host) {
		return refuse("which is in a private network")
	}
	if c.ProxyOf(r) == nil {
		*r = *r.WithContext(context.WithValue(r.Context(), outsideOnly{}, true))
	}
	return nil
}

// inside reports whether any address of host is inside. Behind a proxy only literal addresses can be judged. A name that
// does not resolve is not inside: connecting to it fails by itself.
func (c *Client) inside(r *http.Request, host string) bool {
	if isLoopbackHost(host) {
		return true
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return isInside(addr)
	}
	if c.ProxyOf(r) != nil {
		return false
	}
	addrs, _ := c.o.Resolve(r.Context(), host)
	return slices.ContainsFunc(addrs, isInside)
}

// outsideOnly marks the context of a request to which a public host has led.
type outsideOnly struct{}

// refuseInside runs at the moment of connecting, on the address that the name had just then, so that a name which
// resolves to something else a second time gains nothing.
func refuseInside(ctx context.Context, _, address string, _ syscall.RawConn) error {
	if ctx.Value(outsideOnly{}) == nil {
		return nil
	}
	ap, err := netip.ParseAddrPort(address)
	if err == nil && isInside(ap.Addr()) {
		return &net.AddrError{Err: "a redirect leads into a private network", Addr: address}
	}
	return err
}

// sendBody and receiveBody tell the watch about progress.
type sendBody struct {
	io.ReadCloser
	watch *watch
}

func (b *sendBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.watch.sent(err != nil)
	return n, err
}

type receiveBody struct {
	body  io.ReadCloser
	watch *watch
	count interface{ Add(int64) int64 }
}

func (b *receiveBody) Read(p []byte) (int, error) {
	b.watch.resume()
	n, err := b.body.Read(p)
	b.count.Add(int64(n))
	slow := b.watch.received(n)
	if err == nil {
		err = slow
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.watch.reason(err)
	}
	return n, err
}

func (b *receiveBody) Close() error {
	err := b.body.Close()
	b.watch.end(nil)
	return err
}
