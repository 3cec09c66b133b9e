package faultserver

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

var content = bytes.Repeat([]byte("0123456789"), 1000)

func start(t *testing.T, rules ...string) (*Server, string) {
	t.Helper()
	s := New(fstest.MapFS{"a/file": {Data: content}, "b/file": {Data: content}})
	if err := s.Inject(rules...); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); h.Close() })
	return s, h.URL
}

// get returns the status, the body as far as it came, and whether it ended well within a second.
func get(t *testing.T, url string, header http.Header) (*http.Response, []byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp, body, err
}

func TestEveryFault(t *testing.T) {
	for _, tt := range []struct {
		rule   string
		ok     bool // the answer ends as an answer should
		status int
		length int // -1 for whatever
	}{
		{"truncate", false, 200, 5000}, {"truncate:7", false, 200, 7}, {"truncate:0", false, 200, 0}, {"short", true, 200, 5000},
		{"long", true, 200, 10_001}, {"corrupt", true, 200, 10_000}, {"html", true, 200, -1}, {"status:503", true, 503, -1},
		{"status:429:7", true, 429, -1}, {"hang", false, 0, -1}, {"hang-body", false, 200, 5000}, {"drip", false, 200, -1},
		{"bandwidth:2000", false, 200, -1}, {"bandwidth:1000000", true, 200, 10_000}, {"slices:1000", true, 200, 10_000},
		{"slow-close:1ms", true, 200, 10_000}, {"slow-close:1m", false, 200, 10_000},
		{"endless", true, 200, 1 << 20}, {"endless-line", true, 200, 1 << 20}, {"headers", false, 0, -1}, {"gzip", false, 0, -1},
		{"loop", false, 0, -1}, {"reset", false, 0, -1}, {"reset-body", false, 200, -1},
		{"redirect:http://127.0.0.1:1", false, 0, -1}, {"delay:1ms", true, 200, 10_000},
	} {
		s, url := start(t, tt.rule+" /a/*")
		resp, body, err := get(t, url+"/a/file", nil)
		if (err == nil) != tt.ok && !(tt.rule == "headers" && err == nil) || tt.status != 0 && resp != nil && resp.StatusCode != tt.status {
			t.Errorf("%s: %v, %v", tt.rule, resp, err)
		}
		if tt.length >= 0 && len(body) != tt.length {
			t.Errorf("%s: %d bytes", tt.rule, len(body))
		}
		if bytes.Equal(body, content) != (tt.length == len(content) && tt.rule != "corrupt") {
			t.Errorf("%s: the file came whole, or did not", tt.rule)
		}
		if _, body, err := get(t, url+"/b/file", nil); err != nil || !bytes.Equal(body, content) {
			t.Errorf("%s spoils others: %v", tt.rule, err)
		}
		if kind, _, _ := strings.Cut(tt.rule, ":"); s.Requests("/a/file")[0].Rule != kind || len(s.Requests("/**")) < 2 {
			t.Errorf("%s: noted %+v", tt.rule, s.Requests("/**"))
		}
		s.Heal()
		if _, body, err := get(t, url+"/a/file", nil); err != nil || !bytes.Equal(body, content) {
			t.Errorf("%s stays: %v", tt.rule, err)
		}
	}
}

func TestCountsAndHeads(t *testing.T) {
	_, url := start(t, "status:429:Fri,_02_Jan_2026_03:04:17_GMT /a/** 2-3", "status:503 /a/file 4")
	want := []int{200, 429, 429, 503, 200}
	for i, status := range want {
		resp, _, err := get(t, url+"/a/file", nil)
		if err != nil || resp.StatusCode != status {
			t.Fatalf("request %d: %v %v", i+1, resp, err)
		}
		if status == 429 && resp.Header.Get("Retry-After") != "Fri, 02 Jan 2026 03:04:17 GMT" {
			t.Errorf("Retry-After is %q", resp.Header.Get("Retry-After"))
		}
	}
}

func TestParts(t *testing.T) {
	s, url := start(t)
	resp, _, _ := get(t, url+"/a/file", nil)
	part := http.Header{"Range": {"bytes=10-"}, "If-Range": {resp.Header.Get("ETag")}}
	for _, tt := range []struct {
		v      Validator
		status int
	}{{Strong, 206}, {Weak, 200}, {None, 200}} {
		s.Validator = tt.v
		if resp, body, err := get(t, url+"/a/file", part); err != nil || resp.StatusCode != tt.status || !bytes.HasSuffix(content, body) {
			t.Errorf("%v: %v %v", tt.v, resp, err)
		}
	}
}

func TestBadRules(t *testing.T) {
	for _, rule := range []string{
		"", "truncate", "nothing /a", "bandwidth /a", "slices:0 /a", "slow-close:x /a", "status /a", "status:99 /a", "status:x /a", "truncate:-1 /a", "delay /a", "short a", "short /[", "short /a 0",
		"short /a 2-1", "short /a x", "short /a 1 2",
	} {
		if New(nil).Inject(rule) == nil {
			t.Errorf("%q was taken", rule)
		}
	}
}
