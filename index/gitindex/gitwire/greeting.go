package gitwire

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// Limits of a greeting. The refs of v0 have only the limit that the caller puts on the bytes.
const (
	maxFeatures = 256
	maxFeature  = 8 << 10 // bytes of one
)

// Ref is one of the server's.
type Ref struct {
	Name   string // in full, or HEAD; not checked
	Object gitrepo.Hash
	Peeled gitrepo.Hash // what a tag object comes to; zero for other refs
}

// Greeting is what a server says first.
type Greeting struct {
	Version  int // 2 or 0
	Refs     []Ref
	features map[string]string // by name; of v0, the lists of words have an empty value
}

// ReadGreeting reads up to the end of the greeting, and no further.
func ReadGreeting(src io.Reader) (Greeting, error) {
	l := newLines(src)
	k, line, err := l.text()
	if err == nil && k == data && strings.HasPrefix(line, "# service=") { // over HTTP, and not of every server
		if k, _, err = l.text(); err == nil && k != flush {
			err = fmt.Errorf("%w: the service goes on", ErrMalformed)
		}
		if err == nil {
			k, line, err = l.text()
		}
	}
	if err != nil {
		return Greeting{}, err
	}
	g := Greeting{features: map[string]string{}}
	switch {
	case k == flush:
		return g, nil // v0, with nothing to give
	case k == data && line == "version 2":
		g.Version = 2
		return g, g.readFeatures(l)
	case k == data:
		return g, g.readRefs(l, line)
	}
	return g, fmt.Errorf("%w: the greeting is empty", ErrMalformed)
}

// readFeatures reads "name" or "name=value" a line.
func (g *Greeting) readFeatures(l *lines) error {
	for range maxFeatures {
		k, line, err := l.text()
		switch {
		case err != nil:
			return err
		case k == flush:
			return nil
		case k != data || len(line) > maxFeature:
			return fmt.Errorf("%w: what the server can do", ErrMalformed)
		}
		name, value, _ := strings.Cut(line, "=")
		g.features[name] = value
	}
	return fmt.Errorf("%w: more than %d features", ErrMalformed, maxFeatures)
}

// noRef stands in the place of the first ref of v0 where there is none.
const noRef = "capabilities^{}"

// readRefs reads the list of v0, whose first line has the features behind a NUL.
func (g *Greeting) readRefs(l *lines, line string) error {
	line, features, _ := strings.Cut(line, "\x00")
	for word := range strings.FieldsSeq(features) {
		name, value, _ := strings.Cut(word, "=")
		g.features[name] = value
	}
	for {
		if err := g.addRef(line); err != nil {
			return err
		}
		k, next, err := l.text()
		if err != nil {
			return err
		}
		if k == flush {
			return nil
		}
		if k != data {
			return fmt.Errorf("%w: the list of refs", ErrMalformed)
		}
		line = next
	}
}

func (g *Greeting) addRef(line string) error {
	id, name, ok := strings.Cut(line, " ")
	if id == "shallow" || name == noRef {
		return nil
	}
	h, err := gitrepo.ParseHash(id)
	if err != nil || !ok || name == "" {
		return fmt.Errorf("%w: a line %.100q in the list of refs", ErrMalformed, line)
	}
	if tag, peeled := strings.CutSuffix(name, "^{}"); peeled {
		if n := len(g.Refs); n > 0 && g.Refs[n-1].Name == tag {
			g.Refs[n-1].Peeled = h
		}
		return nil
	}
	g.Refs = append(g.Refs, Ref{Name: name, Object: h})
	return nil
}

// can reports whether the server can do something: a word among those of v0, or among those of the command fetch of v2.
func (g Greeting) can(word string) bool {
	if g.Version == 2 {
		return slices.Contains(strings.Fields(g.features["fetch"]), word)
	}
	_, ok := g.features[word]
	return ok
}

// Filters reports whether the server can leave files out.
func (g Greeting) Filters() bool { return g.can("filter") }

// ObjectFormat is the hash function of the server's ids, "sha1" where it says nothing.
func (g Greeting) ObjectFormat() string {
	if f := g.features["object-format"]; f != "" {
		return f
	}
	return "sha1"
}
