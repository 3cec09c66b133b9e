package universe

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"

	"github.com/geeknik/gal-pkg/tools/bench/graph"
)

func (r *rendering) cargo(dir string) error {
	g := r.Graph(r.index)
	newest := g.Versions[len(g.Versions)-1]
	top := fmt.Sprintf("%s-%s", g.Name, newest.Number)
	archive, err := tarball(top, r.with("Cargo.toml", cargoManifest(g.Name, newest, r.files[0].path))...)
	if err != nil {
		return err
	}
	if err := writeFile(archive, dir, "dl", top+".crate"); err != nil {
		return err
	}
	file, err := g.Cargo(func(n graph.Number) [sha256.Size]byte {
		if n == newest.Number {
			return sha256.Sum256(archive)
		}
		return sha256.Sum256([]byte(g.Name + " " + n.String()))
	})
	if err != nil {
		return err
	}
	return writeFile(file, dir, filepath.FromSlash(graph.CargoPath(g.Name)))
}

// cargoManifest names a file of the payload as the library's: Cargo insists on there being one, and never reads it.
func cargoManifest(name string, v graph.Version, library string) []byte {
	text := fmt.Appendf(nil, "[package]\nname = %q\nversion = %q\nedition = \"2021\"\n\n[lib]\npath = %q\n\n[dependencies]\n", name, v.Number, library)
	for _, d := range v.Dependencies {
		text = fmt.Appendf(text, "%s = %q\n", d.Name, d.Requirement)
	}
	return text
}
