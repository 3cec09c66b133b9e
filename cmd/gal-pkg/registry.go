package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/internal/settings"
)

type registryCmd struct {
	Add        registryAddCmd        `cmd:"" help:"Add a registry."`
	List       registryListCmd       `cmd:"" help:"List the registries."`
	Remove     registryRemoveCmd     `cmd:"" aliases:"rm" help:"Remove a registry, its credentials and its index."`
	Reset      registryResetCmd      `cmd:"" help:"Trust a registry anew, as if never seen."`
	SetDefault registrySetDefaultCmd `cmd:"" help:"Make a registry the default."`
}

func (registryCmd) Help() string {
	return `Keeps registries.toml, which may also be edited by hand. gal-pkg help registries tells what a registry is.

EXAMPLES
  gal-pkg registry add company https://packages.company.com
  gal-pkg registry list --check
  gal-pkg registry set-default company
  gal-pkg registry remove company`
}

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

// registryResult is the document of registry add, remove and set-default.
type registryResult struct {
	Name    string `json:"name"`
	URL     string `json:"url"`
	ID      string `json:"id"`   // "" where it was not looked at
	Root    string `json:"root"` // fingerprint of the root of trust that is pinned, likewise
	Default bool   `json:"default"`
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
		if r, err = probe(a, r, user.Dirs); err != nil {
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
func probe(a *app, r settings.Registry, dirs settings.Dirs) (settings.Registry, error) {
	set := remote.New(remote.Options{
		Specs: map[string]remote.Spec{r.Name: spec(r)}, Default: r.Name, CacheDir: dirs.Cache, StateDir: dirs.State, Now: a.now(),
		UserAgent: "gal-pkg/" + programVersion, Around: a.around(),
	})
	defer set.Close()
	opened, err := set.Open(a.ctx, r.Name)
	if err != nil {
		return r, unreachable(a.anotherOne(err, r), r.Name, r.URL)
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
		_ = set.Forget(r.URL, r.ID) // a pin that stays behind says no more than a later answer would
		return r, err
	}
	return r, nil
}

// anotherOne says of an address, whose metadata is not signed by the root that is known of its id, that another registry is
// there, if one is: the error alone is about signatures.
func (a *app) anotherOne(cause error, r settings.Registry) error {
	if r.Root != "" || !fault.IsCode(cause, "registry-untrusted") {
		return cause
	}
	user, err := a.configured()
	if err != nil {
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
	defer unknown.Close()
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

type registryListCmd struct {
	Check bool `help:"Open each, and say whether that works."`
}

func (registryListCmd) Help() string {
	return `Lists the registries with their addresses and whether there are credentials for them. With --check each is opened, but for
the built-in one where another is the default; exit code 6 where one cannot be reached.

EXAMPLES
  gal-pkg registry list
  gal-pkg registry list --check`
}

// registryListResult is the document of registry list.
type registryListResult struct {
	Registries []registryRow `json:"registries"`
}

type registryRow struct {
	Name    string `json:"name"`
	URL     string `json:"url"`
	Kind    string `json:"kind"` // static, git or dir
	ID      string `json:"id"`   // "" until it was seen
	Default bool   `json:"default"`
	Root    string `json:"root,omitempty"`    // with --check: fingerprint of the root of trust, "" where it has none
	Expires string `json:"expires,omitempty"` // with --check: when its metadata does
	Auth    string `json:"auth"`              // where its credentials come from, none, or error
	Status  string `json:"status,omitempty"`  // with --check: ok, not used, or why not
	took    time.Duration
}

func (c *registryListCmd) Run(a *app) error {
	user, err := a.configured()
	if err != nil {
		return err
	}
	list := registryListResult{[]registryRow{}}
	var failed []error
	for _, name := range user.Registries.Names() {
		r := user.Registries.All[name]
		row := registryRow{Name: name, URL: r.URL, Kind: r.Kind(), ID: r.ID, Default: name == user.Registries.Default, Auth: authOf(user, name)}
		switch {
		case c.Check && unconfigured(r) && !row.Default:
			row.Status = "not used"
		case c.Check:
			if err := c.check(a, &row); fault.KindOf(err) == fault.Network && unconfigured(r) {
				a.Warn("no registry is configured: gal-pkg registry add NAME URL --default")
			} else if err != nil {
				failed = append(failed, err)
			}
		}
		list.Registries = append(list.Registries, row)
	}
	return a.verdict("registry-list", list, func(w io.Writer) { c.write(w, list) }, failure(failed))
}

// unconfigured reports whether a registry is the built-in one, and nobody has ever used it.
func unconfigured(r settings.Registry) bool { return r.ID == "" && r.URL == settings.DefaultURL }

// withoutRegistry says, where the built-in registry cannot be reached and nobody has configured another, that this is what is
// missing.
func (a *app) withoutRegistry(err error) error {
	f := fault.Of(err)
	if f == nil || f.Kind != fault.Network || a.g.Registry != "" {
		return err
	}
	registries, _, _, settingsErr := a.settings()
	host := strings.TrimPrefix(settings.DefaultURL, "https://")
	if settingsErr != nil || !unconfigured(registries.All[registries.Default]) || !strings.Contains(f.Message+strings.Join(f.Facts, " "), host) {
		return err
	}
	return fault.New(f.Kind, "no-registry-configured", "no registry is configured, and the built-in one is not there: %s", f.Message).
		WithHelp("gal-pkg registry add NAME URL --default")
}

// authOf says where the credentials of a registry come from.
func authOf(user *settings.User, name string) string {
	found, ok, err := user.Credentials.For(name)
	switch {
	case err != nil:
		return "error"
	case !ok:
		return "none"
	}
	return found.Source
}

// check opens a registry; the error is also in the row, in one line.
func (c *registryListCmd) check(a *app, row *registryRow) error {
	set, err := a.registries()
	if err != nil {
		return err
	}
	start := a.now()
	r, err := set.Open(a.ctx, row.Name)
	if err == nil {
		err = r.CheckKept()
	}
	if row.took = a.now().Sub(start); err != nil {
		row.Status = "error: " + strings.ReplaceAll(err.Error(), "\n", "; ")
		return err
	}
	row.Status, row.ID = "ok", r.ID()
	if current, ok := r.Snapshot.Currency(); ok {
		row.Root, row.Expires = current.Root, current.Expires.UTC().Format(time.RFC3339)
	}
	return nil
}

// failure is the one error for all registries that could not be opened, of the gravest kind among them.
func failure(failed []error) *fault.Error {
	if len(failed) == 0 {
		return nil
	}
	kind := fault.Network
	for _, err := range failed {
		switch k := fault.KindOf(err); {
		case k == fault.Integrity, k == fault.Auth && kind != fault.Integrity:
			kind = k
		}
	}
	return fault.New(kind, "registry-check", "%d of the registries cannot be used", len(failed))
}

func (c *registryListCmd) write(w io.Writer, list registryListResult) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := "NAME\tURL\tKIND\tDEFAULT\tAUTH"
	if c.Check {
		head += "\tSTATUS"
	}
	fmt.Fprintln(table, head)
	for _, r := range list.Registries {
		mark := "-"
		if r.Default {
			mark = "*"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s", r.Name, r.URL, r.Kind, mark, r.Auth)
		if c.Check {
			status := r.Status
			if status == "ok" {
				status = fmt.Sprintf("ok %d ms", r.took.Milliseconds())
			}
			fmt.Fprintf(table, "\t%s", status)
		}
		fmt.Fprintln(table)
	}
	table.Flush()
	for _, r := range list.Registries {
		if r.Root != "" {
			fmt.Fprintf(w, "%s: root of trust %s, current until %s\n", r.Name, r.Root, r.Expires)
		}
	}
}

type registryRemoveCmd struct {
	Name string `arg:"" help:"What you call it."`
}

func (registryRemoveCmd) Help() string {
	return `Removes a registry with its credentials and its index. Projects that are locked to it need it back.

EXAMPLES
  gal-pkg registry remove company`
}

func (c *registryRemoveCmd) Run(a *app) error {
	user, err := a.configured()
	if err != nil {
		return err
	}
	r, err := user.Registries.Find(c.Name)
	if err != nil {
		return err
	}
	if err := user.Registries.Remove(a.ctx, c.Name); err != nil {
		return err
	}
	had, err := user.Credentials.Remove(a.ctx, r.Name)
	if err != nil {
		return err
	}
	set := remote.New(remote.Options{CacheDir: user.Dirs.Cache, StateDir: user.Dirs.State})
	if err := set.Forget(r.URL, r.ID); err != nil {
		return err
	}
	a.Status("Removed", "%s", r.Name)
	if had {
		a.Note("its credentials are forgotten here; that does not revoke the token at the host")
	}
	return a.Result("registry-remove", registryResult{Name: r.Name, URL: r.URL, ID: r.ID}, nil)
}

type registryResetCmd struct {
	Name string `arg:"" help:"What you call it."`
}

func (registryResetCmd) Help() string {
	return `Forgets what was known of a registry: its id, its root of trust, the newest state and log that were seen. Then it is trusted
anew, as if it were added now. That is right only if the registry's operator confirms that it was set up again, by another
way than its host: otherwise it helps whoever has taken the host over.

EXAMPLES
  gal-pkg registry reset company`
}

func (c *registryResetCmd) Run(a *app) error {
	user, err := a.configured()
	if err != nil {
		return err
	}
	r, err := user.Registries.Find(c.Name)
	if err != nil {
		return err
	}
	old := r
	if err := a.confirm("Forget all that is known of the registry "+r.Name+"?", "--yes"); err != nil {
		return err
	}
	set := remote.New(remote.Options{CacheDir: user.Dirs.Cache, StateDir: user.Dirs.State})
	if err := set.Forget(r.URL, r.ID); err != nil {
		return err
	}
	r.ID, r.Root = "", ""
	if r, err = probe(a, r, user.Dirs); err != nil {
		return err
	}
	if err := user.Registries.Repin(a.ctx, r.Name, r.ID, r.Root); err != nil {
		return err
	}
	if old.Root != "" && old.Root != r.Root {
		a.Warn("the root of trust was %s, and is %s", old.Root, r.Root)
	}
	a.Status("Reset", "%s %s", r.Name, r.ID)
	return a.Result("registry-reset", registryResult{r.Name, r.URL, r.ID, r.Root, r.Name == user.Registries.Default}, nil)
}

type registrySetDefaultCmd struct {
	Name string `arg:"" help:"What you call it."`
}

func (registrySetDefaultCmd) Help() string {
	return `Makes a registry the one that is used where nothing names another.

EXAMPLES
  gal-pkg registry set-default company`
}

func (c *registrySetDefaultCmd) Run(a *app) error {
	user, err := a.configured()
	if err != nil {
		return err
	}
	if err := user.Registries.SetDefault(a.ctx, c.Name); err != nil {
		return err
	}
	r, err := user.Registries.Find(c.Name)
	if err != nil {
		return err
	}
	a.Status("Default", "is now %s", r.Name)
	return a.Result("registry-set-default", registryResult{r.Name, r.URL, r.ID, r.Root, true}, nil)
}
