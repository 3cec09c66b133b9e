package universe

import (
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/geeknik/gal-pkg/tools/bench/graph"
)

// packument is what an npm registry says of a package.
// The format: https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md
type packument struct {
	ID       string                `json:"_id"`
	Name     string                `json:"name"`
	DistTags map[string]string     `json:"dist-tags"`
	Modified string                `json:"modified"`
	Time     map[string]string     `json:"time"`
	Versions map[string]npmVersion `json:"versions"`
}

type npmVersion struct {
	Name         string            `json:"name"`
	Version      string            `json:"version"`
	Dependencies map[string]string `json:"dependencies,omitempty"`
	Dist         *npmDist          `json:"dist,omitempty"`
}

type npmDist struct {
	Integrity string `json:"integrity"`
	Shasum    string `json:"shasum"`
	Tarball   string `json:"tarball"`
}

func (r *rendering) npm(dir string) error {
	g := r.Graph(r.index)
	newest := g.Versions[len(g.Versions)-1]
	manifest, err := json.Marshal(npmManifest(g.Name, newest))
	if err != nil {
		return err
	}
	archive, err := tarball("package", r.with("package.json", manifest)...)
	if err != nil {
		return err
	}
	if err := writeFile(archive, dir, "-", npmArchive(g.Name, newest.Number)); err != nil {
		return err
	}
	doc := packument{
		ID: g.Name, Name: g.Name, DistTags: map[string]string{"latest": newest.Number.String()},
		Modified: stamp(newest.Published), Time: map[string]string{}, Versions: map[string]npmVersion{},
	}
	for _, v := range g.Versions {
		of := archive
		if v.Number != newest.Number {
			of = []byte(g.Name + " " + v.Number.String()) // an archive that nobody asks for
		}
		out := npmManifest(g.Name, v)
		out.Dist = dist(of, npmArchive(g.Name, v.Number))
		doc.Versions[out.Version] = out
		doc.Time[out.Version] = stamp(v.Published)
	}
	data, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return writeFile(data, dir, g.Name)
}

func npmArchive(name string, n graph.Number) string { return fmt.Sprintf("%s-%s.tgz", name, n) }

func npmManifest(name string, v graph.Version) npmVersion {
	m := npmVersion{Name: name, Version: v.Number.String(), Dependencies: map[string]string{}}
	for _, d := range v.Dependencies {
		m.Dependencies[d.Name] = d.Requirement
	}
	return m
}

func dist(archive []byte, file string) *npmDist {
	long, short := sha512.Sum512(archive), sha1.Sum(archive)
	return &npmDist{
		Integrity: "sha512-" + base64.StdEncoding.EncodeToString(long[:]),
		Shasum:    hex.EncodeToString(short[:]),
		Tarball:   HostMark + "/" + NPMDir + "/-/" + file,
	}
}

func stamp(at int64) string { return time.Unix(at, 0).UTC().Format("2006-01-02T15:04:05.000Z") }
