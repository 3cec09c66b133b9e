package gitwire

import (
	"fmt"
	"io"
	"strings"

	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

const agent = "agent=gal-pkg"

// ListRequest asks a server of v2 for the refs whose names begin with one of the prefixes, and for what tags come to. The
// prefixes must be the beginnings of valid names.
func ListRequest(prefixes ...string) []byte {
	var m message
	m.line("command=ls-refs")
	m.line(agent)
	m.delim()
	m.line("peel")
	for _, p := range prefixes {
		m.line("ref-prefix %s", p)
	}
	m.flush()
	return m
}

// ReadRefs reads the answer: "id name" a line, with " peeled:id" behind tag objects. A server may send more than it was
// asked for.
func ReadRefs(src io.Reader) ([]Ref, error) {
	l := newLines(src)
	var refs []Ref
	for {
		k, line, err := l.text()
		switch {
		case err != nil:
			return nil, err
		case k == flush:
			return refs, nil
		case k != data:
			return nil, fmt.Errorf("%w: the list of refs", ErrMalformed)
		}
		r, err := parseRef(line)
		if err != nil {
			return nil, err
		}
		refs = append(refs, r)
	}
}

func parseRef(line string) (Ref, error) {
	words := strings.Split(line, " ")
	bad := fmt.Errorf("%w: a line %.100q in the list of refs", ErrMalformed, line)
	if len(words) < 2 || words[1] == "" {
		return Ref{}, bad
	}
	h, err := gitrepo.ParseHash(words[0])
	if err != nil {
		return Ref{}, bad
	}
	r := Ref{Name: words[1], Object: h}
	for _, w := range words[2:] {
		if id, ok := strings.CutPrefix(w, "peeled:"); ok {
			if r.Peeled, err = gitrepo.ParseHash(id); err != nil {
				return Ref{}, bad
			}
		}
	}
	return r, nil
}
