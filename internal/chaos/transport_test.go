package chaos

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
)

var content = bytes.Repeat([]byte("0123456789"), 1000)

// host serves content and counts what reaches it.
func host(t *testing.T) (url string, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(content)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

// client goes through a rehearsal of one fault; pauses take no time.
func client(t *testing.T, text string) (*web.Client, *Rehearsal) {
	t.Helper()
	still := func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	r := New(profile(t, text), Options{Seed: 1, Sleep: still})
	c, err := web.New(web.Options{Around: r.Transport, Sleep: still})
	if err != nil {
		t.Fatal(err)
	}
	return c, r
}

// Always injected, every fault ends as its real counterpart does: in the same error, or in bytes that a digest tells apart.
func TestRequests(t *testing.T) {
	for _, tt := range []struct {
		fault       string
		says        string // of the error, "" for none
		differs     int    // bytes of the body
		asks, fails int64  // requests that reach the host, and all that were made
	}{
		{"message_drop", "the connection was reset", 0, 0, 4},
		{"packet_loss", "the connection was reset", 0, 0, 4},
		{"connection_loss", "the answer was cut short", 0, 4, 4},
		{"connection_timeout", "it did not answer in time", 0, 0, 4},
		{"network_partition", "connection refused", 0, 0, 4},
		{"service_unavailable", "answers 503 (service unavailable)", 0, 0, 4},
		{"resource_exhaustion", "answers 429 (too many requests)", 0, 0, 4},
		{"network_delay", "", 0, 1, 1},
		{"latency_spike", "", 0, 1, 1},
		{"message_corruption", "", 1, 1, 1},
		{"malicious_update", "", len(content), 1, 1},
	} {
		url, asked := host(t)
		c, r := client(t, "fault_injection_rate = 1\nallowed_faults = ['"+tt.fault+"']")
		var got []byte
		err := c.Stream(t.Context(), url+"/a", web.StreamOptions{MaxBytes: 1 << 20}, func(b web.Body) (err error) {
			got, err = io.ReadAll(b)
			return err
		})
		if tt.says == "" && err != nil || tt.says != "" && (fault.KindOf(err) != fault.Network || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %v", tt.fault, err)
		}
		if err == nil && differing(got) != tt.differs {
			t.Errorf("%s: %d bytes differ", tt.fault, differing(got))
		}
		if asked.Load() != tt.asks || c.Counts().Requests != tt.fails || int64(r.Report().Injected) != tt.fails {
			t.Errorf("%s: %d requests of %d reached the host, and %+v", tt.fault, asked.Load(), c.Counts().Requests, r.Report())
		}
	}
}

func differing(got []byte) int {
	if len(got) != len(content) {
		return -1
	}
	n := 0
	for i := range got {
		if got[i] != content[i] {
			n++
		}
	}
	return n
}

// Bytes are altered where there are some: what the client has already comes again, and is another. An answer that says nothing
// but its status, and git's own protocol, stay what they are.
func TestOnlyContentIsAltered(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/gone":
			w.WriteHeader(http.StatusNotFound)
		case r.URL.Path == "/empty":
		case strings.HasPrefix(r.URL.Path, "/git"):
			w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			_, _ = w.Write(content)
		case r.Header.Get("If-None-Match") != "":
			w.WriteHeader(http.StatusNotModified)
		default:
			_, _ = w.Write(content)
		}
	}))
	t.Cleanup(s.Close)
	for _, tt := range []struct {
		fault, path     string
		status, differs int
	}{
		{"malicious_update", "/kept", 200, len(content)}, {"message_corruption", "/kept", 200, 1},
		{"malicious_update", "/gone", 404, 0}, {"message_corruption", "/gone", 404, 0},
		{"malicious_update", "/empty", 200, 0}, {"message_corruption", "/empty", 200, 0},
		{"malicious_update", "/git", 200, 0}, {"message_corruption", "/git", 200, 1},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			var told []Strike
			r := New(profile(t, "fault_injection_rate = 1\nallowed_faults = ['"+tt.fault+"']"), Options{Seed: 1, Tell: func(s Strike) { told = append(told, s) }})
			req, err := http.NewRequest(method, s.URL+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("If-None-Match", `"1"`)
			if tt.path == "/git" {
				req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
			}
			resp, err := r.Transport(http.DefaultTransport).RoundTrip(req)
			if lost := method == http.MethodPost && (tt.path != "/git" || tt.fault != "malicious_update"); lost != (err != nil) {
				t.Errorf("%s %s %s: %v", tt.fault, method, tt.path, err)
			}
			altered := 0
			if err == nil {
				got, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if altered = max(differing(got), 0); resp.StatusCode != tt.status {
					t.Errorf("%s %s %s: status %d", tt.fault, method, tt.path, resp.StatusCode)
				}
				if method == http.MethodGet && altered != tt.differs {
					t.Errorf("%s %s: %d bytes differ", tt.fault, tt.path, altered)
				}
			}
			if happened := altered > 0 || err != nil; happened != (len(told) == 1) || happened != (r.Report().Injected == 1) {
				t.Errorf("%s %s %s: told %v, %+v", tt.fault, method, tt.path, told, r.Report())
			}
		}
	}
}

func TestPageInstead(t *testing.T) {
	url, asked := host(t)
	c, _ := client(t, "fault_injection_rate = 1\nallowed_faults = ['byzantine_behavior']")
	r, err := c.Get(t.Context(), url+"/a", web.GetOptions{})
	if err != nil || !strings.HasPrefix(string(r.Body), "<!doctype html>") || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") || asked.Load() != 0 {
		t.Errorf("got %+v: %v", r, err)
	}
}

// What changes something is either not sent or comes through whole: no fault strikes after it was sent.
func TestNothingIsLostBehindAChange(t *testing.T) {
	for name := range effects() {
		url, asked := host(t)
		c, r := client(t, "fault_injection_rate = 1\nallowed_faults = ['"+name+"']")
		_, err := c.Put(t.Context(), url+"/a", []byte("body"), nil)
		if (err == nil) != (asked.Load() > 0) {
			t.Errorf("%s: the host was asked %d times: %v", name, asked.Load(), err)
		}
		if effects()[name].request != none && r.Report().Injected == 0 {
			t.Errorf("%s: nothing was injected", name)
		}
	}
}

// Some faults, and the retries of the client bring everything here as it is.
func TestSurvived(t *testing.T) {
	url, _ := host(t)
	c, r := client(t, "fault_injection_rate = 0.2\nallowed_faults = ['packet_loss', 'connection_loss', 'service_unavailable', 'delay']")
	for i := range 50 {
		resp, err := c.Get(t.Context(), fmt.Sprintf("%s/%d", url, i), web.GetOptions{})
		if err != nil || !bytes.Equal(resp.Body, content) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if n := r.Report().Injected; n < 5 || c.Counts().Requests <= 50 {
		t.Errorf("only %d faults, %d requests", n, c.Counts().Requests)
	}
}

// A silence that is longer than the client waits is ended by the client, as one of a real host is.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(profile(t, "fault_injection_rate = 1\nallowed_faults = ['connection_timeout']"), Options{})
		c, err := web.New(web.Options{Around: r.Transport, Timeout: 2 * time.Second, Retries: -1})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = c.Get(t.Context(), "https://registry.example/", web.GetOptions{})
		if took := time.Since(began); took != 2*time.Second || !strings.Contains(fmt.Sprint(err), "stands still") {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// Neither the host nor the query is part of what is attempted: ports, mirrors and tokens change nothing.
func TestHostsDoNotCount(t *testing.T) {
	var told [2][]Strike
	for i := range told {
		url, _ := host(t)
		r := New(profile(t, "fault_injection_rate = 0.5\nallowed_faults = ['packet_loss']"), Options{Seed: 1, Tell: func(s Strike) { told[i] = append(told[i], s) }})
		c, err := web.New(web.Options{Around: r.Transport, Retries: -1})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 40 {
			_, _ = c.Get(t.Context(), fmt.Sprintf("%s/%d?run=%d", url, n, i), web.GetOptions{}) // what becomes of it is told
		}
	}
	if fmt.Sprint(told[0]) != fmt.Sprint(told[1]) || len(told[0]) < 10 {
		t.Errorf("%v\n%v", told[0], told[1])
	}
}
