package gitwire

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxLine is what a line may carry.
const maxLine = 65516

// kind tells lines that carry something from the others.
type kind int

const (
	data  kind = iota
	flush      // 0000: the message ends
	delim      // 0001: the section ends
)

// ErrMalformed is matched where a server does not speak as the protocol says.
var ErrMalformed = errors.New("the server does not speak git's protocol")

// ErrPage is matched where an answer is a web page, as a login page of a network is; so is [ErrMalformed].
var ErrPage = fmt.Errorf("%w: it answers with a web page", ErrMalformed)

// ServerError is what a server said before it gave up. It is not safe to print.
type ServerError struct{ Text string }

func (e *ServerError) Error() string { return "the server says: " + e.Text }

// lines reads line by line, and not a byte further.
type lines struct {
	src io.Reader
	buf []byte
}

func newLines(src io.Reader) *lines { return &lines{src: src, buf: make([]byte, maxLine)} }

// next returns a line, whose bytes are good until the next call. An answer that ends where a line is due is cut off:
// [io.ErrUnexpectedEOF].
func (l *lines) next() (kind, []byte, error) {
	text, err := l.raw(4)
	if err != nil {
		return 0, nil, err
	}
	return l.body(text)
}

func (l *lines) raw(n int) ([]byte, error) {
	_, err := io.ReadFull(l.src, l.buf[:n])
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return l.buf[:n], err
}

// body returns the rest of the line whose four digits were read.
func (l *lines) body(digits []byte) (kind, []byte, error) {
	if digits[0] == '<' {
		return 0, nil, ErrPage
	}
	n, err := strconv.ParseUint(string(digits), 16, 16)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: a line that begins with %q", ErrMalformed, digits)
	}
	switch {
	case n == 0:
		return flush, nil, nil
	case n == 1:
		return delim, nil, nil
	case n < 4 || n-4 > maxLine:
		return 0, nil, fmt.Errorf("%w: a line of length %d", ErrMalformed, n)
	}
	text, err := l.raw(int(n - 4))
	if err != nil {
		return 0, nil, err
	}
	if said, ok := strings.CutPrefix(string(text[:min(len(text), 1000)]), "ERR "); ok {
		return 0, nil, &ServerError{strings.TrimSpace(said)}
	}
	return data, text, nil
}

// text returns the next line without its line end.
func (l *lines) text() (kind, string, error) {
	k, line, err := l.next()
	return k, strings.TrimSuffix(string(line), "\n"), err
}

// message collects the lines of a request.
type message []byte

func (m *message) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	*m = fmt.Appendf(*m, "%04x%s\n", len(text)+5, text)
}

func (m *message) flush() { *m = append(*m, "0000"...) }
func (m *message) delim() { *m = append(*m, "0001"...) }
