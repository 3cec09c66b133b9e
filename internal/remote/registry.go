package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
)

// Registry is an open registry.
type Registry struct {
	Spec     Spec
	Location Location
	Snapshot *index.Snapshot
	Client   *web.Client

	transport index.Transport
	options   index.Options
	standing  index.StandingFile
	verified  *index.FileMemory
	folded    *index.FoldCache
	seen      *index.Seen
	git       *index.Git // nil for other transports
	fixed     bool       // it is a copy, with a state of its own
}

// ID returns the registry's id.
func (r *Registry) ID() string { return r.Snapshot.Config().ID }

// Verifies reports whether nothing of the registry is used whose signatures do not verify.
func (r *Registry) Verifies() bool { return r.Spec.Trust.Signatures == index.SignaturesRequired }

// Standing is where what was last verified of the registry as a whole is kept.
func (r *Registry) Standing() index.StandingFile { return r.standing }

// Transport describes how the registry is read, for -v and diagnosis.
func (r *Registry) Transport() string {
	if r.git != nil {
		return fmt.Sprintf("%s (%s)", r.Location.Kind, r.git.Tier())
	}
	return string(r.Location.Kind)
}

func (s *Set) connect(ctx context.Context, spec Spec) (*Registry, error) {
	location, err := Locate(spec.URL)
	if err != nil {
		return nil, err
	}
	r := &Registry{Spec: spec}
	if r.Client, err = s.client(spec); err != nil {
		return nil, err
	}
	pin, err := s.heldTo(spec)
	if err != nil {
		return nil, err
	}
	if spec.BlockOrigin {
		err = s.openMirror(ctx, r, pin)
	} else {
		err = s.openAt(ctx, r, location, pin)
	}
	if err != nil || pin != "" || r.fixed {
		return r, err
	}
	if location.Kind != KindDir {
		s.o.Notice("trusting registry %s at %s, seen for the first time%s", r.ID(), web.Redact(spec.URL), r.rootWords())
	}
	return r, s.pin(spec.URL, r.ID())
}

// rootWords tells the root of trust, so that the user can compare it with what the registry's operator says.
func (r *Registry) rootWords() string {
	c, ok := r.Snapshot.Currency()
	if !ok {
		return ""
	}
	return ", with root " + c.Root
}

func (s *Set) client(spec Spec) (*web.Client, error) {
	o := web.Options{
		Silence: spec.Timeout, Retries: spec.Retries, UserAgent: s.o.UserAgent, Around: s.o.Around,
		AllowInsecure: func(string) bool { return spec.AllowInsecure },
		Blocked:       spec.blocked(),
	}
	var err error
	if spec.Identity != nil {
		if o.Identity, err = spec.Identity(); err != nil {
			return nil, err
		}
	}
	if s.o.Authorization != nil {
		if o.Credentials, err = s.o.Authorization(spec.Name); err != nil {
			return nil, err
		}
	}
	return s.counted(web.New(o))
}

// openAt opens a registry at one of the places where it is.
func (s *Set) openAt(ctx context.Context, r *Registry, at Location, pin string) error {
	r.Location, r.git = at, nil
	if err := s.openTransport(r); err != nil {
		return err
	}
	if err := s.openSnapshot(ctx, r, pin); err != nil {
		r.transport.Close()
		return err
	}
	return nil
}

func (s *Set) openTransport(r *Registry) (err error) {
	// What is kept of a place belongs to it: what another copy has under the same path may be another state.
	dir := filepath.Join(s.o.CacheDir, "index", addressKey(r.address()))
	switch r.Location.Kind {
	case KindDir:
		r.transport, err = index.OpenDir(r.Location.URL)
		if errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.NotFound, "registry-not-found", "there is no folder %s", r.Location.URL)
		}
	case KindTar:
		r.transport, err = index.OpenTar(r.Location.URL)
		if errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.NotFound, "registry-not-found", "there is no file %s", r.Location.URL)
		}
	case KindStatic:
		if r.transport, err = index.NewStatic(r.Client, r.Location.URL, dir, s.o.Offline); err != nil && fault.Of(err) == nil {
			return fault.New(fault.Manifest, "cache-unusable", "the folder %s for what a registry sends cannot be made", dir).Because(err).
				WithHelp("remove what is in its place, or export GAL_CACHE_DIR=FOLDER")
		}
	default:
		r.git, err = s.openGit(r, dir)
		r.transport = r.git
	}
	return err
}

func (s *Set) openGit(r *Registry, dir string) (*index.Git, error) {
	o := gitindex.Options{URL: r.Location.URL, HTTP: r.Client.HTTP(), AllowInsecure: r.Spec.AllowInsecure}
	if s.o.Git != nil {
		var err error
		if o.Git, err = s.o.Git(); err != nil {
			return nil, err
		}
	}
	return index.OpenGit(dir, o, index.GitOptions{Offline: s.o.Offline, Plain: r.Spec.Trust.Signatures != index.SignaturesRequired})
}

func (s *Set) openSnapshot(ctx context.Context, r *Registry, pin string) (err error) {
	o := index.Options{Pin: pin, Root: r.Spec.Root, Trust: r.Spec.Trust, Now: s.o.Now, MaxAge: r.Spec.MaxAge, VerifyBundle: s.helper.Verify}
	if pin != "" {
		o.Wanted = s.expected[pin]
	}
	o.State = func(id string) (index.State, error) { return r.openState(s.homeOf(id)) }
	if err := s.settle(ctx, r, &o); err != nil {
		return err
	}
	if r.Snapshot, err = index.Open(ctx, r.transport, o); err != nil {
		return err
	}
	r.options, r.options.Pin = o, r.ID()
	s.tellAge(r)
	return nil
}

// openState opens what is kept of a registry.
func (r *Registry) openState(dir string) (index.State, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return index.State{}, err
	}
	r.folded = index.OpenFoldCache(filepath.Join(dir, "folded"))
	r.verified = index.OpenMemory(filepath.Join(dir, "verified"))
	r.standing, r.seen = index.StandingFile{Dir: dir}, index.NewSeen(filepath.Join(dir, "seen"))
	return index.State{Verified: r.verified, Folded: r.folded, Seen: r.seen, Standing: r.standing, Catalogue: filepath.Join(dir, "catalogue")}, nil
}

// CheckKept reports whether what this user keeps of the registry can be read, also what most commands need not look at.
//
// Errors: fault.Integrity "standing-damaged", fault.Manifest "unreadable".
func (r *Registry) CheckKept() error {
	if r.seen == nil {
		return nil
	}
	return nameDamaged(r.seen.Check(), r.Spec.Name)
}

// nameDamaged has the help for what is damaged name the registry.
func nameDamaged(err error, name string) error {
	if f := fault.Of(err); f != nil && f.Code == "standing-damaged" && name != "" {
		for i := range f.Help {
			f.Help[i] = strings.Replace(f.Help[i], "reset NAME", "reset "+name, 1)
		}
	}
	return err
}
