package index

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// MaxConfig is the greatest length of registry.toml and access.toml, in bytes.
const MaxConfig = 256 << 10

// Config is registry.toml: what the registry is called, where its parts are, and how strict its gate is.
type Config struct {
	ID        string   `toml:"id"`         // what signatures, locks and caches are bound to
	Name      string   `toml:"name"`       // for people
	Format    int      `toml:"format"`     // 1
	StaticURL string   `toml:"static-url"` // where the published tree is served as files
	GitURL    string   `toml:"git-url"`    // where pull requests go
	Download  []string `toml:"download"`   // templates over {name} {key} {version} {sha256}, in order
	Upload    string   `toml:"upload"`     // base of uploads/<sha256>; a URL or a path beside the registry
	Forge     Forge    `toml:"forge"`
	Policy    Policy   `toml:"policy"`
}

// Forge says which host's pull requests the registry takes; the zero value is a plain git remote.
type Forge struct {
	Kind       string `toml:"kind"`       // "", github, gitea or gitlab
	Repository string `toml:"repository"` // owner/name there
}

// Policy says which proposals the gate lets in without a person.
type Policy struct {
	NewPublisher string `toml:"new-publisher"` // auto or human (the default): a publisher's registration
	NewPackage   string `toml:"new-package"`   // auto (the default) or human
	NewVersion   string `toml:"new-version"`   // auto (the default) or human
	NewOwner     string `toml:"new-owner"`     // auto or human (the default): a change of owners
}

// Waits reports whether a class of proposals ("new-publisher", ...) needs a person.
func (p Policy) Waits(class string) bool {
	switch class {
	case "new-publisher":
		return p.NewPublisher != "auto"
	case "new-owner":
		return p.NewOwner != "auto"
	case "new-package":
		return p.NewPackage == "human"
	default:
		return p.NewVersion == "human"
	}
}

// ConfigFormat is the newest registry format that this program reads.
const ConfigFormat = 1

// ParseConfig reads registry.toml.
func ParseConfig(data []byte) (*Config, error) {
	var c Config
	if _, err := manifest.DecodeTOML(ConfigPath, data, MaxConfig, &c); err != nil {
		return nil, err
	}
	if c.Format > ConfigFormat {
		return nil, fault.New(fault.Manifest, "registry-too-new", "registry %q has format %d, this program reads up to %d", c.ID, c.Format, ConfigFormat).
			WithHelp("update gal-pkg")
	}
	if err := c.check(); err != nil {
		return nil, fault.New(fault.Integrity, "registry-config", "registry.toml is wrong").Because(err)
	}
	return &c, nil
}

func (c *Config) check() error {
	if c.Format != ConfigFormat {
		return fmt.Errorf("format is %d, not %d", c.Format, ConfigFormat)
	}
	if err := CheckRegistryID(c.ID); err != nil {
		return err
	}
	for _, choice := range []string{c.Policy.NewPublisher, c.Policy.NewPackage, c.Policy.NewVersion, c.Policy.NewOwner} {
		if choice != "" && choice != "auto" && choice != "human" {
			return fmt.Errorf("a policy is auto or human, not %q", choice)
		}
	}
	if !slices.Contains([]string{"", "github", "gitea", "gitlab"}, c.Forge.Kind) {
		return fmt.Errorf("forge kind %q is not known", c.Forge.Kind)
	}
	for _, template := range c.Download {
		if _, err := expand(template, "a", "1.0.0", strings.Repeat("0", 64)); err != nil {
			return err
		}
	}
	return nil
}

// defaultDownload is where archives are when registry.toml does not say: in the published tree itself.
const defaultDownload = "packages/{key}/{key}-{version}.tar.zst"

// DownloadURLs returns where the archive of a version of a package may be, in the order to try: the templates of the
// registry, then the further places that its line names. A template that is no URL is relative to base, the place of the
// published tree.
func (c *Config) DownloadURLs(base, name string, p *Publish) []string {
	templates := c.Download
	if len(templates) == 0 {
		templates = []string{defaultDownload}
	}
	var urls []string
	for _, template := range templates {
		location, err := expand(template, name, p.Version.String(), p.Checksum.Hex())
		if err != nil {
			continue
		}
		if !strings.Contains(location, "://") {
			if base == "" {
				continue
			}
			location = strings.TrimSuffix(base, "/") + "/" + location
		}
		urls = append(urls, location)
	}
	for _, location := range p.URLs {
		if u, err := url.Parse(location); err == nil && u.Scheme == "https" && u.User == nil {
			urls = append(urls, location)
		}
	}
	return urls
}

// CopyURLs returns where a copy of the published tree at base may have the archive of a version: where its registry has
// it, if that is within the tree, else where every mirror puts it. Nothing outside of the copy is among them.
func (c *Config) CopyURLs(base, name string, p *Publish) []string {
	var urls []string
	for _, template := range append(slices.Clone(c.Download), defaultDownload) {
		path, err := expand(template, name, p.Version.String(), p.Checksum.Hex())
		if err != nil || strings.Contains(path, "://") {
			continue
		}
		if u := strings.TrimSuffix(base, "/") + "/" + path; !slices.Contains(urls, u) {
			urls = append(urls, u)
		}
	}
	return urls
}

// expand fills a template. What it puts in comes from checked names, versions and digests, so it cannot leave its place.
func expand(template, name, version, sha256 string) (string, error) {
	values := map[string]string{"name": name, "key": manifest.Key(name), "version": version, "sha256": sha256}
	var out strings.Builder
	for rest := template; ; {
		text, behind, opened := strings.Cut(rest, "{")
		part, after, closed := strings.Cut(behind, "}")
		value, known := values[part]
		if strings.Contains(text, "}") || opened && !(closed && known) {
			return "", fmt.Errorf("download template %q has a part that is not {name}, {key}, {version} or {sha256}", template)
		}
		out.WriteString(text)
		if !opened {
			return out.String(), nil
		}
		out.WriteString(value)
		rest = after
	}
}

// ArchivePath returns where the published tree keeps a version's archive.
func ArchivePath(name, version string) string {
	location, _ := expand(defaultDownload, name, version, "")
	return location
}
