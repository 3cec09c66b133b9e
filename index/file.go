package index

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// Entry is a line with its stamp: when it was merged and where it stands in the log.
type Entry struct {
	At   time.Time
	Log  int64
	Line *Line
}

// Stamp returns the line that stands before an entry's line in the published tree, without a line feed:
//
//	{"v":1,"at":"2026-01-02T15:04:05Z","log":7}
func Stamp(at time.Time, log int64) []byte {
	w := &writer{buf: make([]byte, 0, 64)}
	w.open()
	w.integer("v", LineVersion)
	w.time("at", at)
	w.integer("log", log)
	w.close()
	return w.buf
}

func decodeStamp(line []byte) (at time.Time, log int64, err error) {
	s := &scanner{data: line}
	err = s.members(func(name string) (err error) {
		switch name {
		case "v":
			_, err = s.integer()
		case "at":
			at, err = s.time()
		case "log":
			log, err = s.integer()
		default:
			return s.failf("a stamp has no member %q", name)
		}
		return err
	})
	if err == nil {
		err = s.end()
	}
	if err == nil && !bytes.Equal(Stamp(at, log), line) {
		err = errors.New("not in canonical form")
	}
	return at, log, err
}

// MalformedError says which line of a file is not what the format asks for.
type MalformedError struct {
	Path string
	Line int // from 1
	Err  error
}

func (e *MalformedError) Error() string { return fmt.Sprintf("%s:%d: %v", e.Path, e.Line, e.Err) }
func (e *MalformedError) Unwrap() error { return e.Err }

// splitLines calls each with every line of a file, numbered from 1. Every line ends with one LF, the last too; carriage
// returns, blank lines and byte order marks are refused.
func splitLines(path string, data []byte, each func(number int, line []byte) error) error {
	if len(data) > MaxFile {
		return &MalformedError{path, 0, fmt.Errorf("%w: %d bytes are more than %d", errMalformed, len(data), MaxFile)}
	}
	for number := 1; len(data) > 0; number++ {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			return &MalformedError{path, number, fmt.Errorf("%w: the last line does not end", errMalformed)}
		}
		line := data[:end]
		if len(line) == 0 || line[0] != '{' || line[len(line)-1] == '\r' {
			return &MalformedError{path, number, fmt.Errorf("%w: not a line of JSON", errMalformed)}
		}
		if err := each(number, line); err != nil {
			return &MalformedError{path, number, err}
		}
		data = data[end+1:]
	}
	return nil
}

// ParseStamped reads a file of the published tree: stamps and lines in turn. Log indexes rise strictly and times never
// fall. Errors are [*MalformedError].
func (d *Decoder) ParseStamped(path string, data []byte) ([]Entry, error) {
	var entries []Entry
	var open *Entry
	err := splitLines(path, data, func(_ int, line []byte) error {
		if open == nil {
			at, log, err := decodeStamp(line)
			if err != nil {
				return fmt.Errorf("%w stamp: %w", errMalformed, err)
			}
			if n := len(entries); n > 0 && (log <= entries[n-1].Log || at.Before(entries[n-1].At)) {
				return fmt.Errorf("%w stamp: %w", errMalformed, errBackwards)
			}
			open = &Entry{At: at, Log: log}
			return nil
		}
		l, err := d.Decode(line)
		if err != nil {
			return err
		}
		open.Line = l
		entries = append(entries, *open)
		open = nil
		return nil
	})
	if err == nil && open != nil {
		err = &MalformedError{path, 2*len(entries) + 1, fmt.Errorf("%w: a stamp without a line", errMalformed)}
	}
	return entries, err
}

// errBackwards is in the error of a stamp that is older, or stands earlier in the log, than the one before it.
var errBackwards = errors.New("goes back behind the one before")

// ParseLines reads a file of the branch main: lines alone. On a malformed line it returns the lines before it together
// with the error, a [*MalformedError].
func (d *Decoder) ParseLines(path string, data []byte) ([]*Line, error) {
	var lines []*Line
	err := splitLines(path, data, func(_ int, line []byte) error {
		l, err := d.Decode(line)
		if err == nil {
			lines = append(lines, l)
		}
		return err
	})
	return lines, err
}
