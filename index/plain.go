package index

import (
	"bytes"
	"time"
)

// A plain registry is a repository with branch main alone, as people propose lines to it: no build has stamped them and
// nothing vouches for them. It can be read where the user does not insist on signatures. Without stamps nobody knows what
// was there before what, so every line of a publisher counts as older than every line of a package: a key that was ever
// revoked has signed nothing.

// plainFirst is the log index of the first line of a package in a plain registry.
const plainFirst = 1 << 40

// entries reads a file of the published tree or, where nothing vouches for the registry, of a plain one.
func (s *Snapshot) entries(d *Decoder, path string, data []byte) ([]Entry, error) {
	if s.vouched != nil || !bytes.HasPrefix(data, []byte(`{"v":1,"event":`)) {
		return d.ParseStamped(path, data)
	}
	lines, err := d.ParseLines(path, data)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(lines))
	for i, l := range lines {
		entries[i] = Entry{At: plainTime(l), Log: int64(i), Line: l}
		if !l.Event.OfPublisher() {
			entries[i].Log += plainFirst
		}
	}
	return entries, nil
}

// plainTime is when a line of a plain registry counts as published: as late as it can have been, so that a release that is
// too new by exclude-newer is not let in.
func plainTime(l *Line) time.Time { return l.Until }
