package remote

import (
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/web"
)

// Use is how one registry is read, and what that took so far.
type Use struct {
	Name      string // or address
	ID        string
	Transport string
	web.Counts
}

// Uses returns what was asked of every registry that is open, in the order of names. One that could not be opened is not
// among them, but counts in [Set.Counts].
func (s *Set) Uses() []Use {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Use
	for name, r := range s.open {
		list = append(list, Use{web.Redact(name), r.ID(), r.Transport(), r.counts()})
	}
	slices.SortFunc(list, func(a, b Use) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Counts adds up what was asked of all hosts, also of those outside of registries.
func (s *Set) Counts() web.Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum web.Counts
	for _, c := range s.clients {
		sum = plus(sum, c.Counts())
	}
	for _, r := range s.open {
		sum = plus(sum, r.overSSH())
	}
	return sum
}

func (r *Registry) counts() web.Counts { return plus(r.Client.Counts(), r.overSSH()) }

// overSSH is what did not go through the registry's client.
func (r *Registry) overSSH() web.Counts {
	if r.git == nil || !strings.HasPrefix(r.Location.URL, "git+ssh://") {
		return web.Counts{}
	}
	stats := r.git.Stats()
	return web.Counts{Requests: stats.Requests, Bytes: stats.Bytes}
}

func plus(a, b web.Counts) web.Counts {
	return web.Counts{Requests: a.Requests + b.Requests, Retries: a.Retries + b.Retries, Bytes: a.Bytes + b.Bytes}
}

// counted remembers a client that was made. It is called with the lock held.
func (s *Set) counted(c *web.Client, err error) (*web.Client, error) {
	if err == nil {
		s.clients = append(s.clients, c)
	}
	return c, err
}
