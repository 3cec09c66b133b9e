package gate

import (
	"bytes"
	"fmt"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
)

func hintOf(spki string) string {
	key, err := sign.ParsePublicKey(spki)
	if err != nil {
		return ""
	}
	return key.Hint()
}

// publish judges what a publish line says of its package.
func (j *judge) publish(l *index.Line, p *index.Publish, file string) {
	if err := j.rules.Access.MayPublish(l.By, l.Subject); err != nil {
		j.fail("G50", file, err.Error(), "ask an administrator of the registry")
	}
	if p.License == "" || p.About.Description == "" {
		j.fail("G46", file, "a licence and a description are needed", "set license and description in gal.toml")
	}
	j.sequence(l, p, file)
	j.dependencies(p, file)
	data, err := j.rules.Archive(p.Checksum)
	if err != nil {
		j.fail("G40", file, fmt.Sprintf("the archive %s was not uploaded: %v", p.Checksum, err), "gal-pkg publish uploads it before it proposes the line")
		return
	}
	if int64(len(data)) != p.Size || index.DigestOf(data) != p.Checksum {
		j.fail("G40", file, fmt.Sprintf("the archive has %d bytes and digest %s, the line says %d and %s", len(data), index.DigestOf(data), p.Size, p.Checksum), "")
		return
	}
	files, err := archive.Read(bytes.NewReader(data), index.ArchivePrefix(l.Subject, p.Version.String()), archive.Options{})
	if err != nil {
		j.fail("G44", file, err.Error(), "gal-pkg package makes archives that pass")
		return
	}
	j.manifest(l, p, file, files)
}

func (j *judge) dependencies(p *index.Publish, file string) {
	for _, d := range p.Dependencies {
		if d.Requirement.IsAny() {
			j.fail("G31", file, fmt.Sprintf("dependency %s is open to every version", d.Name), "write a requirement such as \"1.2\"")
		}
		if d.Registry != "" || j.rules.Known == nil {
			continue
		}
		known, err := j.rules.Known(d.Real())
		if err != nil {
			j.fail("G30", file, err.Error(), "")
		} else if !known {
			j.fail("G30", file, fmt.Sprintf("dependency %s is not in this registry", d.Real()), "publish it first, or say which registry it is in")
		}
	}
}

// manifest holds the line against the gal.toml that builds will read: a resolver that sees other dependencies than the
// archive has would be deceived.
func (j *judge) manifest(l *index.Line, p *index.Publish, file string, files []archive.File) {
	var text []byte
	unpacked := int64(0)
	for _, f := range files {
		unpacked += int64(len(f.Data))
		if f.Path == manifest.FileName {
			text = f.Data
		}
	}
	if unpacked != p.Unpacked {
		j.fail("G45", file, fmt.Sprintf("the archive unpacks to %d bytes, the line says %d", unpacked, p.Unpacked), "")
	}
	if text == nil {
		j.fail("G45", file, "the archive has no gal.toml", "gal-pkg package makes archives that pass")
		return
	}
	m, err := manifest.Parse(manifest.FileName, text)
	if err != nil {
		j.fail("G45", file, fmt.Sprintf("the gal.toml inside does not parse: %v", err), "gal-pkg check")
		return
	}
	if m.Package == nil || m.Package.Name != l.Subject {
		j.fail("G45", file, "the gal.toml inside is that of another package", "")
		return
	}
	if difference := publish.Compare(m, p); difference != "" {
		j.fail("G45", file, "the gal.toml inside says otherwise than the line: "+difference, "publish again with this gal-pkg")
	}
	for _, p := range archive.Secrets(files, m.Package.Include) {
		j.fail("G47", file, "the archive has "+p.Path+", which "+p.Message, "")
	}
}
