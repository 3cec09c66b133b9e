package index

import (
	"slices"
	"strconv"
	"time"
)

// writer appends canonical JSON: no spaces, members in the order of the calls, empty members left out.
type writer struct{ buf []byte }

const hexDigits = "0123456789abcdef"

// quote appends a string with the only escapes of the canonical form.
func (w *writer) quote(text string) {
	w.buf = append(w.buf, '"')
	done := 0 // of what needs no escape, and is appended at once
	for i := range len(text) {
		c := text[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		w.buf = append(w.buf, text[done:i]...)
		done = i + 1
		switch c {
		case '"', '\\':
			w.buf = append(w.buf, '\\', c)
		case '\b':
			w.buf = append(w.buf, '\\', 'b')
		case '\t':
			w.buf = append(w.buf, '\\', 't')
		case '\n':
			w.buf = append(w.buf, '\\', 'n')
		case '\f':
			w.buf = append(w.buf, '\\', 'f')
		case '\r':
			w.buf = append(w.buf, '\\', 'r')
		default:
			w.buf = append(w.buf, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	w.buf = append(w.buf, text[done:]...)
	w.buf = append(w.buf, '"')
}

func (w *writer) open()  { w.buf = append(w.buf, '{') }
func (w *writer) close() { w.buf = append(w.buf, '}') }

// name begins a member: the comma is needed unless the object has just been opened.
func (w *writer) name(name string) {
	if last := w.buf[len(w.buf)-1]; last != '{' {
		w.buf = append(w.buf, ',')
	}
	w.quote(name)
	w.buf = append(w.buf, ':')
}

func (w *writer) text(name, value string) {
	if value != "" {
		w.name(name)
		w.quote(value)
	}
}

func (w *writer) integer(name string, value int64) {
	w.name(name)
	w.buf = strconv.AppendInt(w.buf, value, 10)
}

func (w *writer) optionalInteger(name string, value *int64) {
	if value != nil {
		w.integer(name, *value)
	}
}

func (w *writer) flag(name string, value bool) {
	if value {
		w.name(name)
		w.buf = append(w.buf, "true"...)
	}
}

func (w *writer) time(name string, value time.Time) {
	if !value.IsZero() {
		w.name(name)
		w.buf = append(appendTime(append(w.buf, '"'), value), '"')
	}
}

func (w *writer) list(name string, values []string) {
	if len(values) > 0 {
		w.name(name)
		w.array(values)
	}
}

func (w *writer) array(values []string) {
	w.buf = append(w.buf, '[')
	for i, value := range values {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.quote(value)
	}
	w.buf = append(w.buf, ']')
}

// lists writes a map of lists, sorted by key bytes, with every entry.
func (w *writer) lists(name string, values map[string][]string) {
	if len(values) == 0 {
		return
	}
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	w.name(name)
	w.open()
	for _, key := range keys {
		w.name(key)
		w.array(values[key])
	}
	w.close()
}
