package gitindex

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	gogithttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

const (
	infoRefs   = "/info/refs"
	uploadPack = "git-upload-pack"
)

// httpLine is git's smart HTTP: a GET for the greeting, then a POST for each request, which stand for themselves.
type httpLine struct {
	at     location
	opts   Options
	client *http.Client
	base   *url.URL // of the repository; where the greeting came from, once it came
}

func newHTTPLine(l location, opts Options, m *meter) *httpLine {
	client := httpClient(l, opts, m)
	host := strings.TrimPrefix(l.origin(), l.scheme+"://")
	return &httpLine{at: l, opts: opts, client: client, base: &url.URL{Scheme: l.scheme, Host: host, Path: l.path}}
}

func (h *httpLine) greet(ctx context.Context) (io.ReadCloser, error) {
	at := *h.base
	at.Path += infoRefs
	at.RawQuery = "service=" + uploadPack
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Git-Protocol", "version=2")
	resp, err := h.do(h.client, req)
	if err != nil {
		return nil, err
	}
	if resp.Request != nil { // the last one, after redirects
		path, ok := strings.CutSuffix(resp.Request.URL.Path, infoRefs)
		if !ok {
			resp.Body.Close()
			return nil, fmt.Errorf("to a path without %s: %w", infoRefs, errRedirect)
		}
		h.base = &url.URL{Scheme: resp.Request.URL.Scheme, Host: resp.Request.URL.Host, Path: path}
	}
	return resp.Body, nil
}

// ask follows no redirects: what was said to one server is not for another.
func (h *httpLine) ask(ctx context.Context, request []byte) (io.ReadCloser, error) {
	at := *h.base
	at.Path += "/" + uploadPack
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Git-Protocol", "version=2") // servers of v0 do not look at it
	req.Header.Set("Content-Type", "application/x-"+uploadPack+"-request")
	req.Header.Set("Accept", "application/x-"+uploadPack+"-result")
	still := *h.client
	still.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		return fmt.Errorf("to %s: %w", origin(req.URL.Scheme, req.URL.Host), errRedirect)
	}
	resp, err := h.do(&still, req)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// do sends a request, with the credentials where it goes to the origin that the address names.
func (h *httpLine) do(client *http.Client, req *http.Request) (*http.Response, error) {
	req.Header.Set("User-Agent", userAgent)
	if auth := httpAuth(h.at, h.opts); auth != nil && sameOrigin(req.URL, h.at) {
		auth.SetAuth(req)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	return resp, gogithttp.NewErr(resp)
}

// userAgent begins as that of git, without which some forges do not take a request for one of git.
const userAgent = "git/gal-pkg"

func (h *httpLine) close() {}

// sameOrigin reports whether a request to u goes to the scheme, host and port of the address.
func sameOrigin(u *url.URL, l location) bool {
	to, err := remoteOrigin(u)
	return err == nil && to == l.origin()
}
