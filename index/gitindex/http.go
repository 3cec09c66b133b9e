package gitindex

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing/transport"
	gogithttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

const (
	maxRedirects  = 5
	maxErrorBytes = 16 << 10 // of the body of an answer that is an error
)

// meter counts requests and received bytes, and cuts answers off at their limit while they stream.
type meter struct {
	requests, bytes, objects atomic.Int64

	maxPack int64
	next    http.RoundTripper
}

func (m *meter) RoundTrip(req *http.Request) (*http.Response, error) {
	m.requests.Add(1)
	resp, err := m.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body := &meteredBody{ReadCloser: resp.Body, meter: m}
	switch {
	case resp.StatusCode >= 300:
		body.left, body.quiet = maxErrorBytes, true
	case strings.HasSuffix(req.URL.Path, infoRefs):
		body.left = maxRefBytes
	default:
		body.left = max(framed(m.maxPack), maxRefBytes)
	}
	resp.Body = body
	return resp, nil
}

type meteredBody struct {
	io.ReadCloser
	meter *meter
	left  int64
	quiet bool // end instead of failing
}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.meter.bytes.Add(int64(n))
	if b.left -= int64(n); b.left < 0 {
		if b.quiet {
			return 0, io.EOF
		}
		return 0, gitrepo.ErrTooLarge
	}
	return n, err
}

// errRedirect is matched where a redirect was not followed.
var errRedirect = errors.New("the redirect is not followed")

// httpClient returns a client that follows redirects by our policy, and counts.
func httpClient(l location, opts Options, m *meter) *http.Client {
	client := &http.Client{CheckRedirect: redirectPolicy(l, opts.AllowInsecure)}
	m.next = http.DefaultTransport
	if opts.HTTP != nil {
		client.Timeout = opts.HTTP.Timeout
		if opts.HTTP.Transport != nil {
			m.next = opts.HTTP.Transport
		}
	}
	client.Transport = m
	return client
}

// httpTransport returns go-git's transport, for pushes. It follows redirects of the first request of an exchange only, and
// drops credentials when one leaves the origin; to that comes our own policy.
func httpTransport(l location, opts Options, m *meter) transport.Transport {
	return gogithttp.NewClient(httpClient(l, opts, m))
}

// redirectPolicy refuses other schemes, the step from https to http, plain http that the address itself could not have
// had, and the step from a public host to one inside. Credentials stay behind where the origin is left, also when a later
// redirect leads back; net/http goes by the host alone.
func redirectPolicy(l location, allowInsecure bool) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		from, to := via[len(via)-1].URL, req.URL
		host := strings.ToLower(to.Hostname())
		secure := to.Scheme == "https"
		plain := to.Scheme == "http" && from.Scheme != "https" && (allowInsecure || isLoopback(host))
		inward := isInternal(host) && !isInternal(l.host)
		if len(via) > maxRedirects || !secure && !plain || inward {
			return fmt.Errorf("from %s to %s: %w", origin(from.Scheme, from.Host), origin(to.Scheme, to.Host), errRedirect)
		}
		for _, hop := range append(via, req) {
			if !sameOrigin(hop.URL, l) {
				req.Header.Del("Authorization")
			}
		}
		return nil
	}
}

func origin(scheme, host string) string { return fmt.Sprintf("%q", scheme+"://"+host) }

// httpAuth returns the credentials for the origin that the address names.
func httpAuth(l location, opts Options) gogithttp.AuthMethod {
	if opts.Auth == nil {
		return nil
	}
	user, secret := opts.Auth(l.origin())
	switch {
	case secret == "":
		return nil
	case user == "":
		return &gogithttp.TokenAuth{Token: secret}
	}
	return &gogithttp.BasicAuth{Username: user, Password: secret}
}
