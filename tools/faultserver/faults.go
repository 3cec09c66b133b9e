package faultserver

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// fault is one way to misbehave: by an answer that has nothing to do with the file, or with the file's bytes.
type fault struct {
	check  func(arg string) bool
	answer func(s *Server, w http.ResponseWriter, r *http.Request, arg string)
	bytes  func(s *Server, w http.ResponseWriter, r *http.Request, data []byte, arg string)
}

// answers reports whether the fault has answered without the file.
func (f fault) answers(s *Server, w http.ResponseWriter, r *http.Request, arg string) bool {
	if f.answer == nil {
		return false
	}
	f.answer(s, w, r, arg)
	return true
}

func (f fault) distort(s *Server, w http.ResponseWriter, r *http.Request, data []byte, arg string) {
	f.bytes(s, w, r, data, arg)
}

func faults() map[string]fault {
	return map[string]fault{
		"truncate": {check: isLength, bytes: truncate},
		"short": {bytes: func(s *Server, w http.ResponseWriter, r *http.Request, d []byte, _ string) {
			s.serve(w, r, d[:len(d)/2])
		}},
		"long": {bytes: func(s *Server, w http.ResponseWriter, r *http.Request, d []byte, _ string) {
			s.serve(w, r, append(bytes.Clone(d), 'x'))
		}},
		"corrupt":   {bytes: corrupt},
		"hang-body": {bytes: hangBody},
		"drip":      {bytes: drip},
		"delay": {check: isDuration, bytes: func(s *Server, w http.ResponseWriter, r *http.Request, d []byte, arg string) {
			if pause, err := time.ParseDuration(arg); err == nil && s.wait(r, pause) {
				s.serve(w, r, d)
			}
		}},
		"bandwidth":  {check: isCount, bytes: bandwidth},
		"slices":     {check: isCount, bytes: slices},
		"slow-close": {check: isDuration, bytes: slowClose},
		"reset-body": {bytes: func(s *Server, w http.ResponseWriter, r *http.Request, d []byte, _ string) {
			s.serve(&breaking{ResponseWriter: w, left: len(d) / 2, then: func() { reset(w); abort() }}, r, d)
		}},
		"html":    {answer: page},
		"status":  {check: isStatus, answer: status},
		"hang":    {answer: func(s *Server, _ http.ResponseWriter, r *http.Request, _ string) { s.wait(r, 0); abort() }},
		"endless": {answer: func(_ *Server, w http.ResponseWriter, _ *http.Request, _ string) { endless(w, "", 0) }},
		"endless-line": {answer: func(_ *Server, w http.ResponseWriter, _ *http.Request, _ string) {
			endless(w, `{"v":1,"type":"publish","name":"`, 'x')
		}},
		"headers": {answer: headers},
		"gzip":    {answer: falseGzip},
		"loop": {answer: func(_ *Server, w http.ResponseWriter, r *http.Request, _ string) {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		}},
		"redirect": {answer: func(_ *Server, w http.ResponseWriter, r *http.Request, arg string) {
			http.Redirect(w, r, strings.TrimSuffix(arg, "/")+r.URL.Path, http.StatusFound)
		}},
		"reset": {answer: func(_ *Server, w http.ResponseWriter, _ *http.Request, _ string) { reset(w) }},
	}
}

// abort closes the connection without another word.
func abort() { panic(http.ErrAbortHandler) }

func isLength(arg string) bool {
	n, err := strconv.Atoi(arg)
	return arg == "" || err == nil && n >= 0
}

// truncate serves as usual through a writer that breaks.
func truncate(s *Server, w http.ResponseWriter, r *http.Request, data []byte, arg string) {
	left := len(data) / 2
	if n, err := strconv.Atoi(arg); err == nil {
		left = n
	}
	s.serve(&breaking{ResponseWriter: w, left: left, then: abort}, r, data)
}

// breaking passes on some bytes and then does something else.
type breaking struct {
	http.ResponseWriter
	left int
	then func()
}

func (b *breaking) Write(p []byte) (int, error) {
	if len(p) <= b.left {
		b.left -= len(p)
		return b.ResponseWriter.Write(p)
	}
	if _, err := b.ResponseWriter.Write(p[:b.left]); err != nil {
		return 0, err
	}
	b.left = 0
	flush(b.ResponseWriter)
	b.then()
	return 0, io.ErrShortWrite
}

// ReadFrom hides that of the connection, which would pass Write by.
func (b *breaking) ReadFrom(r io.Reader) (int64, error) { return io.Copy(struct{ io.Writer }{b}, r) }

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() } // who is gone needs no bytes

func corrupt(s *Server, w http.ResponseWriter, r *http.Request, data []byte, _ string) {
	data = bytes.Clone(data)
	if len(data) > 0 {
		data[len(data)/2] ^= 1
	}
	s.serve(w, r, data)
}

func hangBody(s *Server, w http.ResponseWriter, r *http.Request, data []byte, _ string) {
	s.serve(&breaking{ResponseWriter: w, left: len(data) / 2, then: func() { s.wait(r, 0); abort() }}, r, data)
}

func drip(s *Server, w http.ResponseWriter, r *http.Request, data []byte, _ string) {
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	for i := range data {
		if _, err := w.Write(data[i : i+1]); err != nil {
			return
		}
		flush(w)
		if !s.wait(r, 100*time.Millisecond) {
			return
		}
	}
}

func isCount(arg string) bool {
	n, err := strconv.Atoi(arg)
	return err == nil && n > 0
}

// bandwidth sends twenty pieces a second.
func bandwidth(s *Server, w http.ResponseWriter, r *http.Request, data []byte, arg string) {
	if rate, err := strconv.Atoi(arg); err == nil {
		s.pieces(w, r, data, max(rate/20, 1), 50*time.Millisecond)
	}
}

func slices(s *Server, w http.ResponseWriter, r *http.Request, data []byte, arg string) {
	if size, err := strconv.Atoi(arg); err == nil {
		s.pieces(w, r, data, size, 2*time.Millisecond)
	}
}

// pieces serves as usual through a writer that takes its time.
func (s *Server) pieces(w http.ResponseWriter, r *http.Request, data []byte, size int, pause time.Duration) {
	s.serve(&pacing{ResponseWriter: w, size: size, wait: func() bool { return s.wait(r, pause) }}, r, data)
}

// pacing sends pieces, each when it is time for it.
type pacing struct {
	http.ResponseWriter
	size int
	wait func() bool // false when nobody listens any more
}

func (p *pacing) Write(b []byte) (int, error) {
	sent := 0
	for sent < len(b) {
		n, err := p.ResponseWriter.Write(b[sent:min(sent+p.size, len(b))])
		sent += n
		if err != nil {
			return sent, err
		}
		flush(p.ResponseWriter)
		if sent < len(b) && !p.wait() {
			return sent, io.ErrShortWrite
		}
	}
	return sent, nil
}

// ReadFrom hides that of the connection, as for [breaking].
func (p *pacing) ReadFrom(r io.Reader) (int64, error) { return io.Copy(struct{ io.Writer }{p}, r) }

// slowClose sends everything at once; that it is everything only the end of the connection says.
func slowClose(s *Server, w http.ResponseWriter, r *http.Request, data []byte, arg string) {
	pause, err := time.ParseDuration(arg)
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Connection", "close")
	w.Header().Set("Transfer-Encoding", "identity")
	if _, err := w.Write(data); err != nil {
		return
	}
	flush(w)
	s.wait(r, pause)
}

func page(_ *Server, w http.ResponseWriter, _ *http.Request, _ string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<!doctype html><title>Guest network</title><form>Please log in</form>\n")
}

func status(_ *Server, w http.ResponseWriter, _ *http.Request, arg string) {
	code, after, ok := strings.Cut(arg, ":")
	if ok {
		w.Header().Set("Retry-After", strings.ReplaceAll(after, "_", " "))
	}
	n, err := strconv.Atoi(code)
	if err != nil {
		n = http.StatusInternalServerError
	}
	http.Error(w, "<html>a long page\n\x1b[2Jthat nobody wants to see</html>", n)
}

// endless begins like a file and goes on with one byte for ever.
func endless(w http.ResponseWriter, begin string, fill byte) {
	w.Header().Set("Content-Type", "application/octet-stream")
	if _, err := io.WriteString(w, begin); err != nil {
		return
	}
	block := bytes.Repeat([]byte{fill}, 64<<10)
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

func headers(_ *Server, w http.ResponseWriter, _ *http.Request, _ string) {
	w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
	w.WriteHeader(http.StatusOK)
}

func falseGzip(_ *Server, w http.ResponseWriter, _ *http.Request, _ string) {
	w.Header().Set("Content-Encoding", "gzip")
	_, _ = io.WriteString(w, "this is no gzip")
}

// reset makes the system send RST: what was sent may never arrive.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		abort()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}
