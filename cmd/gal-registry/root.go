package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/site"
)

type rootCmd struct {
	Show   rootShowCmd   `cmd:"" help:"Print the root of trust, and its fingerprint."`
	Rotate rootRotateCmd `cmd:"" help:"Publish the next root: with other keys, or for another year."`
}

type rootShowCmd struct {
	Dir string `arg:"" placeholder:"DIR" help:"The registry's folder."`
}

func (rootShowCmd) Help() string {
	return `The root of trust names the keys that sign for this registry. Its fingerprint is what users compare, or pin, when
they add the registry; give it to them by another way than the registry's host.

EXAMPLES
  gal-registry root show ./registry`
}

// rootView is the root in JSON.
type rootView struct {
	Version     int64               `json:"version"`
	Fingerprint string              `json:"fingerprint"`
	Expires     time.Time           `json:"expires"`
	LogSize     int64               `json:"log-size"`
	Roles       map[string]roleView `json:"roles"`
}

type roleView struct {
	Threshold int      `json:"threshold"`
	Keys      []string `json:"keys"` // hints
}

var roleNames = []string{"root", "targets", "snapshot", "timestamp"}

func viewOf(root *tuf.Root) rootView {
	v := rootView{root.Version, root.Fingerprint, root.Expires, root.LogSize, map[string]roleView{}}
	for i, role := range []tuf.Role{root.Roles.Root, root.Roles.Targets, root.Roles.Snapshot, root.Roles.Timestamp} {
		view := roleView{Threshold: role.Threshold}
		for _, k := range role.Keys {
			view.Keys = append(view.Keys, k.Hint())
		}
		v.Roles[roleNames[i]] = view
	}
	return v
}

func (v rootView) text() string {
	var out strings.Builder
	fmt.Fprintf(&out, "root %d\nfingerprint %s\nexpires %s\n", v.Version, v.Fingerprint, v.Expires.Format(time.RFC3339))
	for _, name := range roleNames {
		role := v.Roles[name]
		fmt.Fprintf(&out, "%s: %d of %s\n", name, role.Threshold, cmdline.Plural(len(role.Keys), "key"))
		for _, hint := range role.Keys {
			fmt.Fprintf(&out, "  %s\n", hint)
		}
	}
	return out.String()
}

func (c *rootShowCmd) Run(a *app) error {
	s, err := openSite(c.Dir)
	if err != nil {
		return err
	}
	defer s.Close()
	root, _, err := s.Root()
	if err != nil {
		return err
	}
	view := viewOf(root)
	return a.Result("root", view, cmdline.Text(view.text()))
}

type rootRotateCmd struct {
	rootSigning
	Dir        string   `arg:"" placeholder:"DIR" help:"The registry's folder."`
	Role       []string `enum:"root,targets,snapshot,timestamp" placeholder:"ROLE" help:"Give this role a new key: root, targets, snapshot or timestamp. Can be repeated."`
	NewRootKey []string `placeholder:"FILE" sep:"none" help:"With --role root: one of all the root keys from now on. Can be repeated."`
}

func (rootRotateCmd) Help() string {
	return `Without --role it renews the root for another year. Clients follow by themselves: each root is signed by the keys of
the one before. Do it at once when a key was lost or stolen: a new timestamp or snapshot key also makes clients forget
versions that a thief has signed. Keys that were replaced move to keys/old.

A root key that is in the registry's folder signs by itself. After init --production there are three elsewhere, of which
two sign, and the order of their files does not matter.

EXAMPLES
  gal-registry root rotate ./registry
  gal-registry root rotate ./registry --role timestamp --role snapshot
  gal-registry root rotate ./registry --role targets --root-key /media/a/root-1.pem --root-key /media/b/root-3.pem
  gal-registry root rotate ./registry --role root --root-key 1.pem --root-key 2.pem --new-root-key 4.pem --new-root-key 2.pem --new-root-key 3.pem`
}

func (c *rootRotateCmd) Run(a *app) error {
	if len(c.NewRootKey) > 0 && !slices.Contains(c.Role, "root") {
		return fault.New(fault.Usage, "usage", "--new-root-key goes with --role root").WithHelp("gal-registry root rotate --help")
	}
	s, err := openSite(c.Dir)
	if err != nil {
		return err
	}
	defer s.Close()
	rotation := site.Rotation{Roles: c.Role, RootKeys: c.RootKey, NewRootKeys: c.NewRootKey, Passphrase: c.passphrase()}
	report, err := s.RotateRoot(a.ctx, a.now(), rotation)
	if err != nil {
		return err
	}
	root, _, err := s.Root()
	if err != nil {
		return err
	}
	a.Say("Published root %d; clients follow it by themselves", root.Version)
	return a.built("root-rotate", c.Dir, report)
}
