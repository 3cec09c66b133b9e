package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/geeknik/gal-pkg/internal/fault"
)

func packed(t *testing.T, encoding string, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch encoding {
	case "gzip":
		z := gzip.NewWriter(&b)
		if _, err = z.Write(content); err == nil {
			err = z.Close()
		}
	case "zstd": // as a stream, which does not say its length
		var z *zstd.Encoder
		if z, err = zstd.NewWriter(&b, zstd.WithWindowSize(8<<20)); err == nil {
			if _, err = z.Write(content); err == nil {
				err = z.Close()
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestPackedBodies: bodies of every length come as they were before they were packed, many at once; what becomes a byte more
// than allowed is too much, however little it is packed.
func TestPackedBodies(t *testing.T) {
	for _, encoding := range []string{"gzip", "zstd"} {
		for _, size := range []int{0, 1, 8 << 10, smallBody - 1, smallBody, smallBody + 1, 3*maxChunk + 5, 20 << 20} {
			content := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
			body := packed(t, encoding, content)
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if !strings.Contains(r.Header.Get("Accept-Encoding"), encoding) {
					t.Errorf("asks for %q", r.Header.Get("Accept-Encoding"))
				}
				w.Header().Set("Content-Encoding", encoding)
				w.Write(body)
			})
			c, _ := quick(t, Options{Retries: -1})
			name := fmt.Sprintf("%d bytes, %s", size, encoding)
			for range 3 { // what unpacks is used again
				if r, err := c.Get(t.Context(), s.URL, GetOptions{MaxBytes: int64(max(size, 1))}); err != nil || !bytes.Equal(r.Body, content) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if _, err := c.Get(t.Context(), s.URL, GetOptions{MaxBytes: int64(max(size-1, 1))}); size > 1 && !fault.IsCode(err, TooLarge) {
				t.Errorf("%s where one less is allowed: %v", name, err)
			}
		}
	}
}

// TestDamagedPacking: what does not unpack is an answer that did not come whole, and is asked for again.
func TestDamagedPacking(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	for _, row := range []struct {
		encoding string
		damage   func([]byte) []byte
	}{
		{"gzip", func(b []byte) []byte { return b[:len(b)-9] }},
		{"gzip", func([]byte) []byte { return content }},
		{"zstd", func(b []byte) []byte { return b[:len(b)-9] }},
		{"zstd", func([]byte) []byte { return content }},
		{"zstd", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }}, // its checksum
		{"br", func(b []byte) []byte { return b }},
	} {
		asked := 0
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", row.encoding)
			body := packed(t, row.encoding, content)
			if asked++; asked == 1 {
				body = row.damage(body)
			}
			w.Write(body)
		})
		c, _ := quick(t, Options{})
		r, err := c.Get(t.Context(), s.URL, GetOptions{})
		if row.encoding == "br" {
			if fault.KindOf(err) != fault.Network || !strings.Contains(err.Error(), `"br"`) {
				t.Errorf("an encoding that nobody asked for: %v", err)
			}
		} else if err != nil || asked != 2 || !bytes.Equal(r.Body, content) {
			t.Errorf("%s: %v after %d requests", row.encoding, err, asked)
		}
	}
}
