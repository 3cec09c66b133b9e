package index

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Signatures is the `verify_signatures` of a registry.
type Signatures string

const (
	SignaturesRequired Signatures = ""     // the default: nothing is used whose signatures do not verify
	SignaturesWarn     Signatures = "warn" // use it, and say so
	SignaturesOff      Signatures = "off"
)

// Trust is how far a registry is trusted. Keys and Publishers only narrow what the registry's own files allow.
type Trust struct {
	Signatures Signatures
	Keys       []string // base64 SPKI of the only keys whose releases are accepted; none for all
	Publishers []string // ids of the only publishers whose releases are accepted; none for all
}

// checker gathers the obligations of many releases, so that each is discharged once.
type checker struct {
	snapshot    *Snapshot
	obligations []Obligation
	memos       []Digest // of the obligations
	seen        map[Digest]bool
	heard       map[string]bool // publishers whose own obligations are among them
	warnings    []string
}

func newChecker(s *Snapshot) *checker {
	return &checker{snapshot: s, seen: map[Digest]bool{}, heard: map[string]bool{}}
}

// collect adds what a release rests on, down to the registration of its signers.
func (c *checker) collect(p *Package, r *Release) error {
	trust := c.snapshot.options.Trust
	if trust.Signatures == SignaturesOff {
		return nil
	}
	if err := c.narrow(trust, p, r); err != nil {
		return err
	}
	list := p.obligationsFor(r.Version)
	if p.recalled {
		c.hear(list) // the snapshot has seen to it that all of the list is remembered
		return nil
	}
	c.gather(list)
	return nil
}

// gather adds obligations, and those that the registrations and keys of their signers rest on.
func (c *checker) gather(list iter.Seq[Obligation]) {
	c.add(list)
	c.hear(list)
}

// hear adds what the registrations and keys of signers rest on.
func (c *checker) hear(list iter.Seq[Obligation]) {
	for o := range list {
		if c.heard[o.By] {
			continue
		}
		c.heard[o.By] = true
		if publisher := c.snapshot.known(o.By); publisher != nil {
			c.add(slices.Values(publisher.obligations))
		}
	}
}

// paths are the files of packages, and of the publishers who were heard with them.
func (c *checker) paths(names []string) []string {
	paths := make([]string, 0, len(names)+len(c.heard))
	for _, name := range names {
		paths = append(paths, PackagePath(name))
	}
	for id := range c.heard {
		if !official(id) {
			paths = append(paths, PublisherPath(id))
		}
	}
	return paths
}

func (c *checker) add(list iter.Seq[Obligation]) {
	for o := range list {
		if memo := o.memo(); !c.seen[memo] {
			c.seen[memo] = true
			c.obligations, c.memos = append(c.obligations, o), append(c.memos, memo)
		}
	}
}

// narrow holds the signer of the release against the user's own lists.
func (c *checker) narrow(trust Trust, p *Package, r *Release) error {
	var err *fault.Error
	key := "" // an identity signed: no list of keys has it
	if r.signer != nil {
		key = r.signer.Public.String()
	}
	switch {
	case len(trust.Publishers) > 0 && !slices.Contains(trust.Publishers, r.By):
		err = fault.New(fault.Integrity, "publisher-not-trusted", "`%s %s` was published by %s, who is not among trusted_publishers", p.Name, r.Version, r.By)
	case len(trust.Keys) > 0 && !slices.Contains(trust.Keys, key):
		err = fault.New(fault.Integrity, "key-not-trusted", "`%s %s` was signed by a key that is not among public_keys", p.Name, r.Version).
			WithFact("key %s", key)
	default:
		return nil
	}
	return c.complain(trust, err.WithFact("registry %s", c.snapshot.config.ID))
}

// complain is an error, or a warning where the user asked for no more.
func (c *checker) complain(trust Trust, err *fault.Error) error {
	if trust.Signatures != SignaturesWarn {
		return err
	}
	c.warnings = append(c.warnings, fmt.Sprintf("%v (verify_signatures = \"warn\")", err))
	return nil
}

// discharge verifies what has been gathered and is not remembered, on every core. Which of several failures is told
// does not depend on the order of their discovery.
func (c *checker) discharge(ctx context.Context) error {
	memory := c.snapshot.state.Verified
	var open []Obligation
	var memos []Digest
	for i, o := range c.obligations {
		if memory == nil || !memory.Has(c.memos[i]) {
			open, memos = append(open, o), append(memos, c.memos[i])
		}
	}
	bundles, err := c.snapshot.bundles(ctx, open)
	if err != nil {
		return err
	}
	results := make([]error, len(open))
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), len(open)) { // a goroutine for each would have each make its stack anew, for curves want a deep one
		group.Go(func() error {
			for i := int(next.Add(1)) - 1; i < len(open); i = int(next.Add(1)) - 1 {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if results[i] = open[i].VerifyWith(bundles); results[i] == nil && memory != nil {
					memory.Add(memos[i])
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, err := range results {
		if err == nil {
			continue
		}
		if err := c.complain(c.snapshot.options.Trust, fault.Of(err)); err != nil {
			return err
		}
	}
	return nil
}
