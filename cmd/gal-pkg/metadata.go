package main

import (
	"path/filepath"

	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
)

type metadataCmd struct {
	Profile string `default:"dev" placeholder:"NAME" help:"Build profile to tell of."`
}

func (metadataCmd) Help() string {
	return `Prints one JSON document: the packages of the project with their manifests, the graph of gal.lock, the build profiles,
and the chosen one with its chaos profile. The graph is null where there is no gal.lock. Asks nothing of the network.

EXAMPLES
  gal-pkg metadata
  gal-pkg metadata --profile release`
}

// metadataResult is the document of metadata.
type metadataResult struct {
	Root      string             `json:"root"`   // folder of the project
	Target    string             `json:"target"` // folder for what is built
	Members   []metadataMember   `json:"members"`
	Current   string             `json:"current"` // name of the member that the command is about
	Graph     *project.Graph     `json:"graph"`
	Profiles  []manifest.Profile `json:"profiles"`
	Profile   manifest.Profile   `json:"profile"`
	Chaos     *metadataChaos     `json:"chaos"` // null for a build without chaos
	Installed string             `json:"installed"`
}

type metadataMember struct {
	Name     string             `json:"name"`
	Version  string             `json:"version"`
	ID       string             `json:"id"` // as in the graph
	Folder   string             `json:"folder"`
	Manifest *manifest.Manifest `json:"manifest"`
}

type metadataChaos struct {
	Name string `json:"name"`
	manifest.ChaosProfile
}

func (c *metadataCmd) Run(a *app) error {
	p, err := a.project()
	if err != nil {
		return err
	}
	m := metadataResult{
		Root: p.Dir, Target: filepath.Join(p.Dir, "target"), Current: p.Current.Manifest.Package.Name,
		Members: []metadataMember{}, Profiles: []manifest.Profile{}, Installed: filepath.Join(p.Dir, ".gal", "packages.json"),
	}
	for _, member := range p.Members {
		info := member.Manifest.Package
		ref := manifest.Ref{Name: info.Name, Version: info.Version, Source: manifest.Local(member.Rel)}
		m.Members = append(m.Members, metadataMember{
			info.Name, info.Version.String(), ref.String(), filepath.Dir(p.Path(member)), member.Manifest,
		})
	}
	if p.Lock != nil {
		if m.Graph, err = p.Graph(); err != nil {
			return err
		}
	}
	if err := c.profiles(p, &m); err != nil {
		return err
	}
	return a.Document("metadata", true, m)
}

// profiles adds all profiles, and the chosen one with the chaos profile that it names.
func (c *metadataCmd) profiles(p *project.Project, m *metadataResult) (err error) {
	root := p.Root()
	for _, name := range root.ProfileNames() {
		profile, err := root.Profile(name)
		if err != nil {
			return err
		}
		m.Profiles = append(m.Profiles, profile)
	}
	if m.Profile, err = root.Profile(c.Profile); err != nil {
		return err
	}
	name, chaos, err := root.ChaosOf(c.Profile)
	if chaos != nil {
		m.Chaos = &metadataChaos{name, *chaos}
	}
	return err
}
