package project

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// NewPackage says what [Init] makes. Name is required and must be legal.
type NewPackage struct {
	Name    string
	Library bool   // src/lib.gal instead of src/main.gal
	License string // "" leaves the key out
	Edition string // "" means [manifest.DefaultEdition]
	Git     bool   // write a .gitignore
}

// file is one file of a new package.
type file struct{ path, text string }

// Init makes a package in a folder, which is made where it is missing, and returns the paths that it wrote, relative to
// the folder and sorted. The folder must have no gal.toml; any other file that is there stays as it is.
func Init(dir string, n NewPackage) ([]string, error) {
	if n.Edition == "" {
		n.Edition = manifest.DefaultEdition
	}
	if !slices.Contains(manifest.Editions(), n.Edition) {
		return nil, fault.New(fault.Usage, "bad-edition", "%q is no edition of the language", n.Edition).
			WithFact("editions: %s", strings.Join(manifest.Editions(), ", "))
	}
	path := filepath.Join(dir, manifest.FileName)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, manifestExists(dir)
	}
	files := n.files()
	if _, err := manifest.Parse(manifest.FileName, []byte(files[0].text)); err != nil {
		return nil, fault.New(fault.Usage, "bad-package", "the package cannot be described so").Because(err)
	}
	var written []string
	for i, f := range files {
		ok, err := create(filepath.Join(dir, filepath.FromSlash(f.path)), f.text)
		if i == 0 && err == nil && !ok {
			return nil, manifestExists(dir) // somebody else makes a package here at this moment
		}
		if err != nil {
			return nil, fault.New(fault.Manifest, "not-writable", "%s cannot be written", f.path).Because(err)
		}
		if ok {
			written = append(written, f.path)
		}
	}
	slices.Sort(written)
	return written, nil
}

func manifestExists(dir string) error {
	return fault.New(fault.Manifest, "manifest-exists", "there is a gal.toml in %s already", dir).WithHelp("gal-pkg check")
}

// create writes a file unless there is one, and reports whether it did.
func create(path, text string) (bool, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	err := atomicfile.Create(path, []byte(text), 0o644)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}

// files are those of the new package, the manifest first.
func (n NewPackage) files() []file {
	ident := manifest.Ident(n.Name)
	files := []file{
		{manifest.FileName, n.manifest()},
		{"README.md", fmt.Sprintf("# %s\n", n.Name)},
		{"tests/integration.gal", fmt.Sprintf(testText, ident)},
	}
	if n.Library {
		files = append(files, file{"src/lib.gal", fmt.Sprintf(libText, n.Name)})
	} else {
		files = append(files, file{"src/main.gal", fmt.Sprintf(mainText, n.Name)})
	}
	if n.Git {
		files = append(files, file{".gitignore", gitignore})
	}
	return files
}

func (n NewPackage) manifest() string {
	text := fmt.Sprintf("[package]\nname = %q\nversion = \"0.1.0\"\n", n.Name)
	if n.License != "" {
		text += fmt.Sprintf("license = %q\n", n.License)
	}
	return text + fmt.Sprintf("edition = %q\n\n[dependencies]\n", n.Edition)
}

// gitignore names what can be made again. It must never name gal.lock: a build that others can repeat needs it.
const gitignore = `/.gal/
/target/
`

const mainText = `//! The program %s.

actor Main {
    new create() {
        println("hello, world")
    }
}
`

const libText = `//! The library %s.

/// Greets somebody.
fn greet(name: String) -> String {
    "hello, " + name
}
`

const testText = `//! Tests that use %s from outside.

#[test]
fn arithmetic_holds() {
    assert_eq!(2 + 2, 4)
}
`
