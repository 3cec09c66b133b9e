package main

import (
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/version"
)

type yankCmd struct {
	Dir      string `arg:"" placeholder:"DIR" help:"The registry's folder."`
	Package  string `arg:"" name:"package@version" help:"The version to yank."`
	Reason   string `placeholder:"TEXT" help:"Why; people who have it locked will read this."`
	Class    string `enum:"security,broken,license,mistake,other" default:"security" help:"Kind of reason: security, broken, license, mistake, other (default: security)."`
	Advisory string `placeholder:"ID" help:"The advisory that says more."`
	Undo     bool   `help:"Take the registry's yank back."`
}

func (yankCmd) Help() string {
	return `The registry itself yanks a version, with its targets key: where its owners cannot be reached in time. A yanked version is
not chosen any more, and projects that have it in gal.lock keep it, with a warning. Owners cannot take the registry's yank
back, nor the registry theirs: a version is yanked while either says so.

EXAMPLES
  gal-registry yank ./registry mailbox@1.0.0 --class security --reason "steals credentials" --advisory GAL-2026-0007
  gal-registry yank ./registry mailbox@1.0.0 --undo --reason "false alarm"`
}

func (c *yankCmd) Run(a *app) error {
	name, text, ok := strings.Cut(c.Package, "@")
	if !ok {
		return fault.New(fault.Usage, "usage", "%q does not say which version", c.Package).WithHelp("gal-registry yank %s %s@VERSION", c.Dir, name)
	}
	if err := manifest.CheckName(name); err != nil {
		return err
	}
	v, err := version.Parse(text)
	if err != nil {
		return fault.New(fault.Usage, "bad-version", "%v", err)
	}
	if !c.Undo && strings.TrimSpace(c.Reason) == "" {
		return fault.New(fault.Usage, "usage", "a reason is needed: people who have %s locked will read it", c.Package)
	}
	registry, done, err := c.isDone(name, v)
	if err != nil {
		return err
	}
	if done {
		a.Say("%s %s is %s by the registry already", name, v, map[bool]string{true: "not yanked", false: "yanked"}[c.Undo])
		return a.Result("yank", said{Registry: registry, Says: "nothing: it is so already"}, nil)
	}
	st := site.Statement{Event: index.EventYank, Subject: name, Body: &index.Yank{Version: v, Class: c.Class, Reason: c.Reason, Advisory: c.Advisory}}
	if c.Undo {
		st.Event, st.Body = index.EventUnyank, &index.Unyank{Version: v, Reason: c.Reason}
	}
	return a.speak("yank", c.Dir, "", st)
}

// isDone reports whether the version is already as it is to be, and in which registry.
func (c *yankCmd) isDone(name string, v version.Version) (registry string, done bool, err error) {
	s, err := openSite(c.Dir)
	if err != nil {
		return "", false, err
	}
	defer s.Close()
	config, _, err := s.Config()
	if err != nil {
		return "", false, err
	}
	p, err := s.Package(name)
	if err != nil || p == nil {
		return config.ID, false, err
	}
	r := p.Release(v)
	return config.ID, r != nil && (r.YankedBy(index.ByRegistry) == nil) == c.Undo, nil
}

type deprecateCmd struct {
	Dir         string `arg:"" placeholder:"DIR" help:"The registry's folder."`
	Package     string `arg:"" placeholder:"NAME" help:"The package."`
	Message     string `placeholder:"TEXT" help:"What people who use it are told."`
	Replacement string `placeholder:"NAME" help:"The package to use instead."`
	Undo        bool   `help:"Take a deprecation back, whoever made it."`
}

func (deprecateCmd) Help() string {
	return `The registry itself advises against a package, with its targets key: where its owners are gone.

EXAMPLES
  gal-registry deprecate ./registry mailbox --message "nobody looks after it" --replacement letters
  gal-registry deprecate ./registry mailbox --undo`
}

func (c *deprecateCmd) Run(a *app) error {
	if c.Undo == (c.Message != "" || c.Replacement != "") {
		return fault.New(fault.Usage, "usage", "say --message, --replacement or both; or --undo").WithHelp("gal-registry deprecate --help")
	}
	return a.speak("deprecate", c.Dir, "", site.Statement{
		Event: index.EventDeprecate, Subject: c.Package, Body: &index.Deprecate{Message: c.Message, Replacement: c.Replacement},
	})
}
