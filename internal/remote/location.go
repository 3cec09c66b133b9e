package remote

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/tarfile"
	"github.com/geeknik/gal-pkg/internal/web"
)

// Kind is the transport that a registry's address stands for.
type Kind string

const (
	KindDir    Kind = "dir"
	KindTar    Kind = "tar"
	KindStatic Kind = "static"
	KindGit    Kind = "git"
)

// Location is where a registry is, and what relative places in its configuration are relative to.
type Location struct {
	URL  string // as it is asked: a folder for dir, a file for tar, a URL else
	Kind Kind
	Tree string // URL or folder of the published tree, "" where only git has it
	Root string // URL or folder that git-url and upload are relative to; "" for a copy, which takes no proposals
}

// Locate reads an address: `https://...` and `http://...` for a static host, `git+https://...`, `git+http://...`,
// `git+ssh://...` and `git+file:///...` for a git repository, `file:///...` or an absolute path for a folder or a tar. The
// folder is a published tree, or that of a whole registry with a tree in public/; a tar is a bundle, which holds a tree.
func Locate(address string) (Location, error) {
	bad := func(reason string) (Location, error) {
		return Location{}, fault.New(fault.Usage, "bad-registry-url", "%q is not the address of a registry: %s", web.Redact(address), reason).
			WithFact("an address is https://HOST/..., git+https://HOST/..., git+ssh://HOST/..., file:///DIR, file:///FILE.tar or an absolute path")
	}
	if filepath.IsAbs(address) {
		return locateFile(address), nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return bad("it does not parse")
	}
	if u.User != nil && u.Scheme != "git+ssh" {
		return bad("credentials do not belong in it; use gal-pkg login")
	}
	switch u.Scheme {
	case "file":
		dir, ok := filePath(u)
		if !ok {
			return bad("file: needs an absolute path")
		}
		return locateFile(dir), nil
	case "http", "https":
		canonical, err := web.Canonical(address)
		if err != nil {
			return Location{}, err
		}
		canonical = strings.TrimSuffix(canonical, "/")
		return Location{canonical, KindStatic, canonical, canonical}, nil
	case "git+http", "git+https":
		root := strings.TrimPrefix(parent(u), "git+")
		return Location{address, KindGit, root, root}, nil
	case "git+ssh":
		return Location{address, KindGit, "", parent(u)}, nil
	case "git+file":
		dir, ok := filePath(u)
		if !ok {
			return bad("git+file: needs an absolute path")
		}
		root := filepath.Dir(dir)
		return Location{address, KindGit, locateDir(root).Tree, root}, nil
	}
	return bad("its scheme is none of these")
}

func filePath(u *url.URL) (string, bool) {
	dir := filepath.FromSlash(u.Path)
	return filepath.Clean(dir), (u.Host == "" || u.Host == "localhost") && filepath.IsAbs(dir)
}

// parent returns the URL of the folder that a repository is in.
func parent(u *url.URL) string {
	p := *u
	p.Path = path.Dir(strings.TrimSuffix(u.Path, "/"))
	return strings.TrimSuffix(p.String(), "/")
}

// locateFile tells a tar from a folder by what is there; where there is nothing, by its name.
func locateFile(path string) Location {
	info, err := os.Stat(path)
	if err == nil && info.Mode().IsRegular() || err != nil && strings.HasSuffix(path, ".tar") {
		return Location{path, KindTar, tarfile.Base(path), ""}
	}
	return locateDir(path)
}

// copied is the location as that of a copy.
func (l Location) copied() Location {
	l.Root = ""
	return l
}

func locateDir(dir string) Location {
	tree := dir
	if _, err := os.Stat(filepath.Join(dir, index.ConfigPath)); err != nil {
		if public := filepath.Join(dir, "public"); isFile(filepath.Join(public, index.ConfigPath)) {
			tree = public
		}
	}
	return Location{tree, KindDir, tree, dir}
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// Resolve returns the place that a registry's configuration names: a URL or an absolute path as it is, anything else
// relative to the registry's root.
func (l Location) Resolve(place string) string {
	if place == "" || strings.Contains(place, "://") || filepath.IsAbs(place) {
		return place
	}
	if l.Root == "" {
		return ""
	}
	if strings.Contains(l.Root, "://") {
		return l.Root + "/" + strings.TrimPrefix(place, "/")
	}
	return filepath.Join(l.Root, filepath.FromSlash(place))
}

// GitURL returns the address of the repository that takes proposals, in the form of package gitindex; "" where the
// registry does not name one.
func (l Location) GitURL(config *index.Config) string {
	if l.Root == "" {
		return ""
	}
	if l.Kind == KindGit {
		return l.URL
	}
	place := l.Resolve(config.GitURL)
	if strings.HasPrefix(place, "http://") || strings.HasPrefix(place, "https://") || strings.HasPrefix(place, "ssh://") {
		return "git+" + place
	}
	return place
}

// UploadURL returns where archives are put: a URL or a folder; "" where the registry does not say.
func (l Location) UploadURL(config *index.Config) string {
	if l.Root == "" {
		return ""
	}
	return l.Resolve(config.Upload)
}
