package main

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/version"
)

// stamped is a line and when it was merged.
type stamped struct {
	line *index.Line
	at   time.Time
}

// throwaway is the one publisher of a registry that is made.
type throwaway struct {
	registry string
	author   publish.Author
	first    stamped          // the registration
	state    *index.Publisher // with it
}

func newThrowaway(registry string) (*throwaway, error) {
	key, err := sign.Generate(rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &throwaway{registry: registry, author: publish.Author{ID: "throwaway", Key: key, Random: rand.Reader, Now: unpublished}}
	line, err := t.author.Register(registry, "", nil)
	if err != nil {
		return nil, err
	}
	t.first = stamped{line, unpublished}
	t.state = index.FoldPublisher(registry, t.author.ID, []index.Entry{{At: unpublished, Log: 0, Line: line}})
	return t, nil
}

func (t *throwaway) publishers(id string) *index.Publisher {
	if id == t.author.ID {
		return t.state
	}
	return nil
}

// worker signs packages. It is not for use by several goroutines at once; each has its own.
type worker struct {
	*throwaway
	reader  reader
	decoder index.Decoder
	packer  *packer // nil makes sizes and checksums up
}

// lines returns the signed lines of one package, in the order of their publication.
func (w *worker) lines(versions []*neutral) ([]stamped, error) {
	state := index.NewPackage(w.registry, "")
	var out []stamped
	add := func(n *neutral, l *index.Line, err error) error {
		if err != nil {
			return n.failf("%w", err)
		}
		// A line that was read knows its bytes, and has proved that every client can read it.
		if l, err = w.decoder.Decode(l.Bytes()); err != nil {
			return n.failf("%w", err)
		}
		entry := index.Entry{At: n.at(), Log: int64(len(out)) + 1, Line: l}
		if len(out) == 0 {
			state = index.NewPackage(w.registry, key(n.Name))
		}
		if _, err := state.Apply(entry, w.publishers); err != nil {
			return n.failf("%w", err)
		}
		out = append(out, stamped{l, n.at()})
		return nil
	}
	for _, n := range versions {
		p, err := w.reader.publish(n)
		if err == nil {
			err = w.archive(n, p)
		}
		if err != nil {
			return nil, err
		}
		author := w.author
		author.Now = n.at()
		line, err := author.Publish(w.registry, state, &publish.Draft{Name: n.Name, Publish: p})
		if err := add(n, line, err); err != nil {
			return nil, err
		}
		if !n.Yanked {
			continue
		}
		line, err = author.Yank(w.registry, state, &index.Yank{Version: p.Version, Class: "other", Reason: "yanked in the input"})
		if err := add(n, line, err); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// archive gives a line what it says of its archive.
func (w *worker) archive(n *neutral, p *index.Publish) error {
	if w.packer != nil {
		return w.packer.pack(n, p)
	}
	p.Checksum, p.Size, p.Unpacked = madeUp(n.Name, p.Version), 1000, 2000
	return nil
}

// madeUp is the checksum of an archive that does not exist: one for each version.
func madeUp(name string, v version.Version) index.Digest {
	return index.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(name+" "+v.String()))))
}
