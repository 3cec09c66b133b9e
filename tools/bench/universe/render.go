package universe

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// HostMark stands in rendered files where the scheme, host and port of the server belong.
const HostMark = "http://bench.invalid"

// Folders of the renderings, below the folder that Render is given.
const (
	NeutralDir = "neutral" // packages.jsonl and payload/, for tools/fromjsonl --archives
	NPMDir     = "npm"
	CargoDir   = "cargo"
	GoDir      = "go"
)

// Render writes a universe in all its forms below a folder.
func (u *Universe) Render(dir string) error {
	for _, sub := range []string{NeutralDir, NPMDir, CargoDir, GoDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range u.Packages {
		group.Go(func() error {
			if err := u.renderPackage(dir, i); err != nil {
				return fmt.Errorf("rendering %s: %w", u.Packages[i].Name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := u.writeNeutral(filepath.Join(dir, NeutralDir)); err != nil {
		return err
	}
	return writeFile([]byte(`{"dl":"`+HostMark+`/`+CargoDir+`/dl/{crate}-{version}.crate"}`), dir, CargoDir, "config.json")
}

// rendering is one package on its way into all forms.
type rendering struct {
	*Universe
	*Package
	index int
	files []entry
}

// entry is a file with its bytes.
type entry struct {
	path string
	data []byte
}

func (u *Universe) renderPackage(dir string, i int) error {
	r := rendering{Universe: u, Package: &u.Packages[i], index: i}
	for _, f := range r.Files {
		r.files = append(r.files, entry{f.Path, u.Content(f)})
	}
	for sub, write := range map[string]func(string) error{
		NeutralDir: r.neutral, NPMDir: r.npm, CargoDir: r.cargo, GoDir: r.module,
	} {
		if err := write(filepath.Join(dir, sub)); err != nil {
			return err
		}
	}
	return nil
}

// neutral writes the payload as files.
func (r *rendering) neutral(dir string) error {
	for _, f := range r.files {
		if err := writeFile(f.data, dir, "payload", r.Name, filepath.FromSlash(f.path)); err != nil {
			return err
		}
	}
	return nil
}

func (u *Universe) writeNeutral(dir string) error {
	var lines []byte
	for i := range u.Packages {
		p := u.Graph(i)
		p.Versions[len(p.Versions)-1].Path = "payload/" + p.Name
		var err error
		if lines, err = p.Neutral(lines); err != nil {
			return err
		}
	}
	return writeFile(lines, dir, "packages.jsonl")
}

func writeFile(data []byte, path ...string) error {
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}
