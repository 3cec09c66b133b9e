package main

import (
	"cmp"
	"os"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/internal/settings"
)

type registryAddCmd struct {
	Name          string   `arg:"" help:"What you call it."`
	URL           string   `arg:"" name:"url" help:"https://..., git+https://..., git+ssh://..., file:///... or an absolute path."`
	Default       bool     `help:"Make it the default."`
	Mirror        []string `sep:"none" placeholder:"URL" help:"A copy that is asked for archives first; may be repeated."`
	BlockOrigin   bool     `help:"Ask nothing but the mirrors, for the index too: no request goes to the registry's own host."`
	PublicKey     []string `sep:"none" placeholder:"KEY" help:"Accept only what this publisher's key signed; may be repeated."`
	ID            string   `name:"id" placeholder:"ID" help:"The id that the registry must say; then nothing is asked."`
	Root          string   `name:"root" placeholder:"sha256:HEX" help:"The fingerprint of its root of trust, as its operator tells it; then nothing is asked."`
	AllowInsecure bool     `help:"Allow plain http beyond this machine."`
	ClientCert    string   `placeholder:"FILE" help:"A certificate that its host asks for, as PEM; shown to that host alone."`
	ClientKey     string   `placeholder:"FILE" help:"The key of that certificate, where it is not in the same file."`
	NoProbe       bool     `help:"Do not look at the registry now; it is trusted when it is first used."`
}

func (registryAddCmd) Help() string {
	return `Opens the registry, shows its id and the fingerprint of its root of trust, asks whether to trust it, and pins both: another
registry at the same address, or the same with other keys that the root does not lead to, is refused from then on. Compare
the fingerprint with what the registry's operator says ("gal-registry root show"). A folder on this machine is trusted
without a question. With --offline or --no-probe all that is left to the first use.

EXAMPLES
  gal-pkg registry add company https://packages.company.com --default
  gal-pkg registry add company https://packages.company.com --root sha256:5f3c...
  gal-pkg registry add mirror file:///mnt/mirror
  gal-pkg registry add company https://packages.company.com --mirror file:///media/usb/company.tar --block-origin`
}

func (c *registryAddCmd) Run(a *app) error {
	user, err := a.configured()
	if err != nil {
		return err
	}
	if err := settings.CheckRegistryName(c.Name); err != nil {
		return fault.New(fault.Usage, "bad-registry", "%v", err)
	}
	if c.ClientKey != "" && c.ClientCert == "" {
		return fault.New(fault.Usage, "bad-registry", "--client-key is the key of a certificate; which one does --client-cert name?")
	}
	if c.Root != "" {
		if err := settings.CheckRoot(c.Root); err != nil {
			return fault.New(fault.Usage, "bad-registry", "%v", err)
		}
	}
	if old, ok := user.Registries.All[c.Name]; ok && !unconfigured(old) {
		return fault.New(fault.Usage, "registry-exists", "the registry %q exists already, at %s", old.Name, old.URL).
			WithHelp("gal-pkg registry remove %s", old.Name)
	}
	r := settings.Registry{Name: c.Name, URL: c.URL, Mirrors: c.Mirror, BlockOrigin: c.BlockOrigin, PublicKeys: c.PublicKey, AllowInsecure: c.AllowInsecure, ID: c.ID, Root: c.Root,
		ClientCert: c.ClientCert, ClientKey: c.ClientKey}
	for _, file := range []*string{&r.ClientCert, &r.ClientKey} {
		if *file == "" {
			continue
		}
		if *file, err = a.path(*file); err != nil {
			return err
		}
	}
	if !c.NoProbe && !a.g.Offline {
		if r, err = probe(a, r, user); err != nil {
			return err
		}
	}
	if err := user.Registries.Add(a.ctx, c.Name, r); err != nil {
		return err
	}
	if c.Default {
		if err := user.Registries.SetDefault(a.ctx, c.Name); err != nil {
			return err
		}
	}
	if c.AllowInsecure {
		a.Warn("what comes from %s over http can be read and altered on its way; signatures still protect packages", c.Name)
	}
	a.Status("Added", "%s %s", c.Name, r.ID)
	return a.Result("registry-add", registryResult{c.Name, c.URL, r.ID, r.Root, c.Default}, nil)
}

// probe opens a registry that is not trusted yet, has the user confirm what it is, and returns it with its id and root.
func probe(a *app, r settings.Registry, user *settings.User) (settings.Registry, error) {
	set := remote.New(remote.Options{
		Specs: map[string]remote.Spec{r.Name: spec(r)}, Default: r.Name, CacheDir: user.Dirs.Cache, StateDir: user.Dirs.State, Now: a.now(),
		UserAgent: "gal-pkg/" + programVersion, Around: a.around(),
	})
	defer set.Close(a.ctx)
	opened, err := set.Open(a.ctx, r.Name)
	if err != nil {
		return r, unreachable(a.anotherOne(err, r, user), r.Name, r.URL)
	}
	asked := r.ID == "" && r.Root == "" && opened.Location.Kind != remote.KindDir
	current, signed := opened.Snapshot.Currency()
	r.ID, r.Root = opened.ID(), current.First
	if !asked {
		return r, nil
	}
	a.Note("%s says that it is the registry %s (%s)", r.URL, r.ID, opened.Snapshot.Config().Name)
	if signed {
		a.Note("its root of trust is version %d, %s", current.Version, current.Root)
	}
	if err := a.confirm("Trust it from now on?", "--yes, or --root "+cmp.Or(current.Root, "sha256:...")); err != nil {
		_ = forget(user, r) // a pin that stays behind says no more than a later answer would
		return r, err
	}
	return r, nil
}

// anotherOne says of an address, whose metadata is not signed by the root that is known of its id, that another registry is
// there, if one is: the error alone is about signatures.
func (a *app) anotherOne(cause error, r settings.Registry, user *settings.User) error {
	if r.Root != "" || !fault.IsCode(cause, "registry-untrusted") {
		return cause
	}
	tmp, err := os.MkdirTemp("", "gal-registry-")
	if err != nil {
		return cause
	}
	defer os.RemoveAll(tmp)
	unknown := remote.New(remote.Options{
		Specs: map[string]remote.Spec{r.Name: spec(r)}, Default: r.Name, CacheDir: tmp, StateDir: tmp, Now: a.now(),
		UserAgent: "gal-pkg/" + programVersion, Around: a.around(),
	})
	defer unknown.Close(a.ctx)
	opened, err := unknown.Open(a.ctx, r.Name)
	if err != nil {
		return cause
	}
	current, _ := opened.Snapshot.Currency()
	for _, name := range user.Registries.Names() {
		if known := user.Registries.All[name]; known.ID == opened.ID() && known.Root != "" && known.Root != current.First {
			return fault.New(fault.Integrity, "registry-untrusted", "SECURITY: this is not the registry %s that is known as %q: its root of trust is not the one that is pinned", known.ID, name).
				WithFact("pinned  %s", known.Root).
				WithFact("actual  %s", current.First).
				WithHelp("ask the registry's operator what `gal-registry root show` prints, by another way than this host")
		}
	}
	return cause
}

// unreachable adds to the error of a probe how to add the registry all the same.
func unreachable(err error, name, url string) error {
	f := fault.Of(err)
	if f == nil || f.Kind != fault.Network && f.Kind != fault.Auth {
		return err
	}
	return f.WithHelp("gal-pkg registry add %s %s --no-probe", name, url)
}
