package host

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const mark = "http://bench.invalid"

// serve serves some files below /files.
func serve(t *testing.T, files map[string]string) *Server {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Serve(mark)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.Add("files", dir)
	return s
}

// get asks with some headers, and takes what comes as it is.
func get(t *testing.T, url string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

func TestFiles(t *testing.T) {
	s := serve(t, map[string]string{"a/b.json": `{"at":"` + mark + `/files"}`, "packed": "\x1f\x8bnot really " + mark})
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/files/a/b.json":          {200, `{"at":"` + s.URL + `/files"}`},
		"/files/packed":            {200, "\x1f\x8bnot really " + mark}, // the bytes of archives are left alone
		"/files/a":                 {404, "404 page not found\n"},
		"/files/absent":            {404, "404 page not found\n"},
		"/other/a/b.json":          {404, "404 page not found\n"},
		"/files/a/../../x":         {404, "404 page not found\n"},
		"/files/%2e%2e/etc/passwd": {404, "404 page not found\n"},
	} {
		response, body := get(t, s.URL+path)
		if response.StatusCode != want.status || string(body) != want.body {
			t.Errorf("%s: %d %q", path, response.StatusCode, body)
		}
	}
	if response, err := http.Post(s.URL+"/files/packed", "text/plain", nil); err != nil || response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("%v, %v", response, err)
	} else {
		response.Body.Close()
	}
}

// A folder that takes the place of another is seen at once.
func TestReplace(t *testing.T) {
	s := serve(t, map[string]string{"a": "old"})
	get(t, s.URL+"/files/a")
	get(t, s.URL+"/files/b")
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("new"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.Add("files", dir)
	for _, name := range []string{"/files/a", "/files/b"} {
		if _, body := get(t, s.URL+name); string(body) != "new" {
			t.Errorf("%s: %q", name, body)
		}
	}
}

func TestConditionalAndCompressed(t *testing.T) {
	text := strings.Repeat("the same again ", 1000)
	s := serve(t, map[string]string{"long": text})
	plain, _ := get(t, s.URL+"/files/long")
	packed, body := get(t, s.URL+"/files/long", "Accept-Encoding", "gzip")
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); string(got) != text || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if plain.Header.Get("ETag") == packed.Header.Get("ETag") {
		t.Error("two forms have one strong ETag")
	}
	for _, tag := range []string{plain.Header.Get("ETag"), "W/" + packed.Header.Get("ETag")} {
		if response, body := get(t, s.URL+"/files/long", "If-None-Match", tag); response.StatusCode != http.StatusNotModified || len(body) > 0 {
			t.Errorf("%s: %d", tag, response.StatusCode)
		}
	}
	if response, _ := get(t, s.URL+"/files/long", "If-None-Match", `"other"`); response.StatusCode != http.StatusOK {
		t.Errorf("another tag: %d", response.StatusCode)
	}
}

func TestCounts(t *testing.T) {
	s := serve(t, map[string]string{"packed": "PK\x03\x04" + strings.Repeat("x", 10_000)})
	s.Reset()
	for range 3 {
		get(t, s.URL+"/files/packed")
	}
	counts := s.Reset()
	// Who has all of an answer may ask again before its server is through with it: two can be under way.
	if counts.Requests != 3 || counts.Connections != 3 || counts.AtOnce < 1 || counts.AtOnce > 2 || counts.Sent < 30_000 || counts.Sent > 33_000 || counts.Received == 0 {
		t.Errorf("%+v", counts)
	}
	if counts := s.Reset(); counts.Requests != 0 || counts.Sent != 0 {
		t.Errorf("after a reset: %+v", counts)
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if err := wait(t.Context(), 30*time.Millisecond); err != nil || time.Since(begin) != 30*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

// A server that dies takes its connections along, and is itself again at the same address when it is revived.
func TestDieAndRevive(t *testing.T) {
	s := serve(t, map[string]string{"a": "text"})
	get := func() error {
		resp, err := http.Get(s.URL + "/files/a")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	for range 2 {
		s.DieAfter(3)
		for i := range 4 {
			if err := get(); (err == nil) != (i < 2) {
				t.Errorf("request %d: %v", i+1, err)
			}
		}
		if err := s.Revive(); err != nil {
			t.Fatal(err)
		}
		if err := get(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Revive(); err != nil { // it lives
		t.Error(err)
	}
}

// Handlers see the paths below their own, and are counted.
func TestHandle(t *testing.T) {
	s := serve(t, nil)
	url := s.Handle("echo", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Method+" "+r.URL.Path) }))
	s.Reset()
	resp, err := http.Post(url+"/a/b", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); string(text) != "POST /a/b" || err != nil || s.Reset().Requests != 1 {
		t.Errorf("%q, %v", text, err)
	}
}
