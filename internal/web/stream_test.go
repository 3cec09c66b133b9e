package web

import (
	"bytes"
	"context"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/tools/faultserver"
)

// faulty serves /file of n bytes by rules.
func faulty(t testing.TB, n int, rules ...string) (*faultserver.Server, string, []byte) {
	t.Helper()
	content := bytes.Repeat([]byte("0123456789abcdef"), n/16)
	s := faultserver.New(fstest.MapFS{"file": {Data: content}})
	if err := s.Inject(rules...); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); h.Close() })
	return s, h.URL + "/file", content
}

// into is a sink that goes on where it was.
func into(b *bytes.Buffer) func(Body) error {
	return func(body Body) error {
		b.Truncate(int(body.Offset))
		_, err := io.Copy(b, body)
		return err
	}
}

func ranges(s *faultserver.Server) string {
	var list []string
	for _, r := range s.Requests("/file") {
		list = append(list, strings.TrimPrefix(r.Range, "bytes="))
	}
	return strings.Join(list, " ")
}

func TestResume(t *testing.T) {
	for _, tt := range []struct {
		name      string
		rules     []string
		validator faultserver.Validator
		resume    bool
		ranges    string
	}{
		{"goes on", []string{"truncate:1000 /file 1-2"}, faultserver.Strong, true, " 1000- 2000-"},
		{"weak validator", []string{"truncate:1000 /file 1-2"}, faultserver.Weak, true, "  "},
		{"no validator", []string{"truncate:1000 /file 1"}, faultserver.None, true, " "},
		{"not wanted", []string{"truncate:1000 /file 1"}, faultserver.Strong, false, " "},
		{"nothing came", []string{"truncate:0 /file 1"}, faultserver.Strong, true, " "},
		{"503 between", []string{"truncate:1000 /file 1", "status:503 /file 2"}, faultserver.Strong, true, " 1000- 1000-"},
		{"part not to be had", []string{"truncate:1000 /file 1", "status:416 /file 2"}, faultserver.Strong, true, " 1000- "},
	} {
		s, url, want := faulty(t, 1<<14, tt.rules...)
		s.Validator = tt.validator
		c, _ := quick(t, Options{})
		var got bytes.Buffer
		err := c.Stream(t.Context(), url, StreamOptions{MaxBytes: 1 << 14, Resume: tt.resume}, into(&got))
		if err != nil || !bytes.Equal(got.Bytes(), want) || ranges(s) != tt.ranges {
			t.Errorf("%s: asked for %q, got %d bytes: %v", tt.name, ranges(s), got.Len(), err)
		}
	}
}

// A file that has become another one is never joined from two halves.
func TestResumeOfAChangedFile(t *testing.T) {
	s, url, _ := faulty(t, 1<<14, "truncate:1000 /file 1")
	c, _ := quick(t, Options{})
	changed := bytes.Repeat([]byte("x"), 1<<14)
	c.o.Sleep = func(context.Context, time.Duration) error {
		s.Files = fstest.MapFS{"file": {Data: changed}}
		return nil
	}
	var got bytes.Buffer
	if err := c.Stream(t.Context(), url, StreamOptions{MaxBytes: 1 << 14, Resume: true}, into(&got)); err != nil || !bytes.Equal(got.Bytes(), changed) {
		t.Errorf("got %d bytes, the old ones among them: %v (%v)", got.Len(), bytes.Contains(got.Bytes(), []byte("0123")), err)
	}
}

// A long file gets there although its connections never last, as long as each of them brings something.
func TestProgressIsNoFailure(t *testing.T) {
	s, url, want := faulty(t, 12<<20, "truncate:1100000 /file 1-10")
	c, _ := quick(t, Options{Retries: 1})
	var got bytes.Buffer
	if err := c.Stream(t.Context(), url, StreamOptions{MaxBytes: 12 << 20, Resume: true}, into(&got)); err != nil || !bytes.Equal(got.Bytes(), want) || len(s.Requests("/file")) != 11 {
		t.Errorf("%d bytes in %d requests: %v", got.Len(), len(s.Requests("/file")), err)
	}
	// What is enough depends on the length.
	for n, cut := range map[int]string{6 << 20: "truncate:500000 /file", 1 << 14: "truncate:1100 /file"} {
		_, url, want := faulty(t, n, cut)
		c, _ := quick(t, Options{})
		if err := c.Stream(t.Context(), url, StreamOptions{MaxBytes: int64(n), Resume: true}, into(&got)); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: %d of %d bytes: %v", cut, got.Len(), n, err)
		}
	}
	s, url, _ = faulty(t, 1<<20, "truncate:1 /file")
	if err := c.Stream(t.Context(), url, StreamOptions{MaxBytes: 1 << 20, Resume: true}, into(&got)); !fault.IsCode(err, Unreachable) || len(s.Requests("/file")) != 2 {
		t.Errorf("a byte each time: %v after %d requests", err, len(s.Requests("/file")))
	}
	// Beginning anew is no progress, however much comes each time.
	s, url, _ = faulty(t, 12<<20, "truncate:1100000 /file")
	s.Validator = faultserver.None
	if err := c.Stream(t.Context(), url, StreamOptions{MaxBytes: 12 << 20, Resume: true}, into(&got)); !fault.IsCode(err, Unreachable) || len(s.Requests("/file")) != 2 {
		t.Errorf("%v after %d requests", err, len(s.Requests("/file")))
	}
}

func TestPatience(t *testing.T) {
	s, url, _ := faulty(t, 16, "status:429:86400 /file")
	now := time.Now()
	c, _ := quick(t, Options{Retries: 100, Now: func() time.Time { return now }})
	c.o.Sleep = func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil }
	began := now
	var told []Pause
	err := c.Stream(t.Context(), url, StreamOptions{MaxBytes: 16, Pausing: func(p Pause) bool { told = append(told, p); return true }}, into(new(bytes.Buffer)))
	if !fault.IsCode(err, "rate-limited") || now.Sub(began) != 2*time.Minute || len(s.Requests("/file")) != 3 {
		t.Errorf("%v after %v and %d requests", err, now.Sub(began), len(s.Requests("/file")))
	}
	if len(told) != 2 || told[0].Status != 429 || told[0].For != time.Minute || told[0].Reason != "it answers 429" || !strings.HasPrefix(told[0].Host, "127.0.0.1:") {
		t.Errorf("told %+v", told)
	}
}

func TestFresh(t *testing.T) {
	s, url, _ := faulty(t, 16)
	c, _ := quick(t, Options{})
	for _, fresh := range []bool{false, true} {
		if err := c.Stream(t.Context(), url, StreamOptions{MaxBytes: 16, Fresh: fresh}, into(new(bytes.Buffer))); err != nil {
			t.Fatal(err)
		}
	}
	if r := s.Requests("/file"); r[0].CacheControl != "" || r[1].CacheControl != "no-cache" {
		t.Errorf("asked %+v", r)
	}
}
