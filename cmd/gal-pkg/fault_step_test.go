package main

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// step is one change of a file or folder, or a sync.
type step struct {
	kind string // create, write, cut, rename, name, remove, folder, link, mode, time, sync
	path string
	to   string // of a rename the new path, of a name one more, of a link where it leads
	data []byte
	mode fs.FileMode
	size int64
	time time.Time // that a file is said to be from

	fresh bool // of a file that was made: there was none

	at   int // which step it is
	file int // which file: it keeps its number through renames
	into int // of a rename, name or removal: which folder gets or loses it
}

// String names the step.
func (s step) String() string { return strings.TrimSpace(s.kind + " " + s.path + " " + s.to) }

// isUnnamed reports whether a step is about what has its name later: the files of locks have theirs.
func (s step) isUnnamed() bool {
	return s.kind == "write" || s.kind == "cut" || s.kind == "folder" || s.kind == "create" && !strings.HasSuffix(s.path, ".lock")
}

// mayBeLost reports whether a write, rename or removal was not followed by the sync that makes it stay.
func (s step) mayBeLost(steps []step) bool {
	wanted := s.into
	switch s.kind {
	case "write":
		wanted = s.file
	case "rename", "name":
		// What has got another name since is there if that is.
		if i := slices.IndexFunc(steps, func(other step) bool {
			return other.at > s.at && other.to != "" && other.path == s.to && other.file == s.file
		}); i >= 0 {
			return steps[i].mayBeLost(steps)
		}
	case "remove":
	default:
		return false
	}
	return !slices.ContainsFunc(steps, func(other step) bool { return other.kind == "sync" && other.at > s.at && other.file == wanted })
}

// do does the step anew. What rests on a step that was lost finds nothing to change.
func (s step) do() error {
	var err error
	switch s.kind {
	case "create":
		if s.fresh {
			_ = os.Remove(s.path) // a removal was lost, and is made up for by who comes next
		}
		var f *os.File
		if f, err = os.OpenFile(s.path, os.O_CREATE|os.O_WRONLY, s.mode); err == nil {
			err = f.Close()
		}
	case "write":
		err = appendTo(s.path, s.data)
	case "cut":
		err = os.Truncate(s.path, s.size)
	case "rename":
		err = os.Rename(s.path, s.to)
	case "name":
		err = os.Link(s.path, s.to)
	case "remove":
		err = os.Remove(s.path)
	case "folder":
		err = os.Mkdir(s.path, s.mode)
	case "link":
		err = os.Symlink(s.to, s.path)
	case "mode":
		err = os.Chmod(s.path, s.mode)
	case "time":
		err = os.Chtimes(s.path, s.time, s.time)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// appendTo writes behind what is there, as all our writers do. A file that its owner made read-only was open already.
func appendTo(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close(), os.Chmod(path, info.Mode()))
}

// unhex undoes the escapes of strace -xx.
func unhex(text string) (string, error) {
	var out strings.Builder
	for text != "" {
		i := strings.Index(text, `\x`)
		if i < 0 || i+4 > len(text) {
			out.WriteString(text)
			break
		}
		b, err := hex.DecodeString(text[i+2 : i+4])
		if err != nil {
			return "", err
		}
		out.WriteString(text[:i])
		out.Write(b)
		text = text[i+4:]
	}
	return out.String(), nil
}
