package universe

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"path/filepath"
)

// ModulePath is the path of a package as a Go module.
func ModulePath(name string) string { return "bench.test/" + name }

// module writes a package as a Go module proxy has it: https://go.dev/ref/mod#goproxy-protocol
func (r *rendering) module(dir string) error {
	g := r.Graph(r.index)
	newest := g.Versions[len(g.Versions)-1]
	version := "v" + newest.Number.String()
	manifest := []byte("module " + ModulePath(g.Name) + "\n\ngo 1.16\n\n") // since 1.17 a module's file holds its whole graph
	for _, d := range newest.Dependencies {
		manifest = fmt.Appendf(manifest, "require %s v%s\n", ModulePath(d.Name), d.Requirement[len("^"):])
	}
	archive, err := moduleZip(ModulePath(g.Name)+"@"+version, r.with("go.mod", manifest))
	if err != nil {
		return err
	}
	var list bytes.Buffer
	for _, v := range g.Versions {
		fmt.Fprintf(&list, "v%s\n", v.Number)
	}
	files := []entry{
		{"list", list.Bytes()},
		{version + ".info", fmt.Appendf(nil, `{"Version":%q,"Time":%q}`, version, stamp(newest.Published))},
		{version + ".mod", manifest},
		{version + ".zip", archive},
	}
	for _, f := range files {
		if err := writeFile(f.data, dir, filepath.FromSlash(ModulePath(g.Name)), "@v", f.path); err != nil {
			return err
		}
	}
	return nil
}

func moduleZip(top string, files []entry) ([]byte, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	for _, f := range files {
		w, err := archive.Create(top + "/" + f.path)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := archive.Close()
	return out.Bytes(), err
}
