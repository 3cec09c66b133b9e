package doctor

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/web"
)

// Limits of a probe, and of what is still right.
const (
	probeTimeout = 15 * time.Second
	probeBytes   = 1 << 20
	slow         = time.Second
	skewWarn     = 2 * time.Minute
	skewFail     = 24 * time.Hour
	certificate  = 14 * 24 * time.Hour // before it runs out
	worthPacking = 1400                // bytes: below, a host may well not compress
)

// prober asks a host a few small questions.
type prober struct {
	area
	client *web.Client
	now    func() time.Time
}

// static looks at a host that serves files, with a file that every registry has.
func (p prober) static(ctx context.Context, file string) {
	first, body, took, err := p.get(ctx, file, "Accept-Encoding", "zstd, gzip")
	if err != nil {
		p.failed(err, "")
		return
	}
	p.host(first, took)
	if first.StatusCode != http.StatusOK {
		p.fail("", "%s answers %d", web.Redact(file), first.StatusCode)
		return
	}
	if packed := first.Header.Get("Content-Encoding"); packed != "" {
		p.ok("compresses files (%s)", packed)
	} else if len(body) >= worthPacking {
		p.warn("let the host send gzip or zstd", "does not compress files")
	}
	p.conditional(ctx, file, first.Header.Get("ETag"))
	ranged, _, _, err := p.get(ctx, file, "Range", "bytes=0-0")
	switch {
	case err != nil:
		p.failed(err, "")
	case ranged.StatusCode == http.StatusPartialContent:
		p.ok("sends parts of files (ranges)")
	default:
		p.warn("let the host answer Range requests", "does not send parts of files: a download that breaks begins anew")
	}
}

// conditional asks for a file that we have.
func (p prober) conditional(ctx context.Context, file, etag string) {
	if etag == "" {
		p.warn("let the host send ETag", "sends no ETag: files are fetched again that have not changed")
		return
	}
	again, _, _, err := p.get(ctx, file, "If-None-Match", etag)
	switch {
	case err != nil:
		p.failed(err, "")
	case again.StatusCode == http.StatusNotModified:
		p.ok("says when a file has not changed (ETag)")
	default:
		p.warn("let the host answer If-None-Match with 304", "sends an ETag, and answers with the whole file all the same")
	}
}

// git looks at a host that speaks git's protocol.
func (p prober) git(ctx context.Context, repository string) {
	resp, body, took, err := p.get(ctx, repository+"/info/refs?service=git-upload-pack", "Git-Protocol", "version=2")
	if err != nil {
		p.failed(err, "")
		return
	}
	p.host(resp, took)
	text := string(body)
	switch {
	case resp.StatusCode != http.StatusOK:
		p.fail("", "%s answers %d", web.Redact(repository), resp.StatusCode)
	case !strings.Contains(text, "version 2"):
		p.warn("an update of the git server", "speaks git's protocol v0 alone: every refresh lists all refs")
	case !strings.Contains(text, "filter"):
		p.warn("git config uploadpack.allowFilter true   # on the server", "has no filters: the whole index is fetched, not only what is needed")
	default:
		p.ok("speaks git's protocol v2, with filters")
	}
}

// host judges what every answer tells: how fast it came, the clock, the certificate, the proxy.
func (p prober) host(resp *http.Response, took time.Duration) {
	reached := fmt.Sprintf("answers in %d ms over %s", took.Milliseconds(), resp.Proto)
	if proxy := p.client.ProxyOf(resp.Request); proxy != nil {
		reached += ", through the proxy " + proxyName(proxy)
	}
	if took > slow {
		p.warn("", "%s, which is slow", reached)
	} else {
		p.ok("%s", reached)
	}
	p.clock(resp, took)
	if resp.TLS == nil || len(resp.TLS.PeerCertificates) == 0 {
		return
	}
	left := resp.TLS.PeerCertificates[0].NotAfter.Sub(p.now())
	text := "its certificate is valid for " + cmdline.Plural(int(left.Hours()/24), "more day")
	if left < certificate {
		p.warn("the host's operator renews it", "%s", text)
	} else {
		p.ok("%s", text)
	}
}

func proxyName(proxy *url.URL) string { return web.Redact(proxy.Scheme + "://" + proxy.Host) }

// clock compares ours with the host's. How old a registry's metadata is, is judged by ours.
func (p prober) clock(resp *http.Response, took time.Duration) {
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return
	}
	skew := p.now().Add(-took / 2).Sub(theirs)
	text := "this machine's clock is "
	switch size := skew.Abs(); {
	case size < skewWarn:
		p.ok("%sright, as far as the host can tell", text)
		return
	case skew > 0:
		text += size.Round(time.Second).String() + " ahead of the host's"
	default:
		text += size.Round(time.Second).String() + " behind the host's"
	}
	if skew.Abs() < skewFail {
		p.warn("set the clock, or let it be set (NTP)", "%s", text)
	} else {
		p.fail("set the clock, or let it be set (NTP)", "%s", text)
	}
}

// get asks once, reads a bounded part of the answer and says how long its head took.
func (p prober) get(ctx context.Context, address, header, value string) (*http.Response, []byte, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, 0, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set(header, value)
	start := p.now()
	resp, err := p.client.HTTP().Do(req)
	took := p.now().Sub(start)
	if err != nil {
		return nil, nil, took, web.Explain(ctx, address, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, probeBytes))
	if err != nil {
		return nil, nil, took, web.Explain(ctx, address, err)
	}
	return resp, body, took, nil
}
