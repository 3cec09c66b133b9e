package settings

import (
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/manifest"
)

// Values of [Registry.VerifySignatures].
const (
	Verify     = "true"
	VerifyWarn = "warn"
	VerifyNot  = "false"
)

// Defaults of a registry.
const (
	DefaultName    = "default"
	DefaultURL     = "https://registry.gal-lang.org"
	DefaultTimeout = 30 // seconds
	DefaultRetries = 3
)

// Registry is one registry as the user configured it. In one that was read every field is checked, canonical and
// filled in; in one that is to be added, the zero value of a field is its default.
type Registry struct {
	Name              string        // the key in registries.toml
	URL               string        // canonical, without a slash at its end
	AuthType          string        // Token, Basic, OAuth2 or None
	VerifySignatures  string        // Verify, VerifyWarn or VerifyNot
	AllowInsecure     bool          // plain http beyond loopback
	TimeoutSeconds    int           // for how long a request may bring nothing, all attempts together
	MaxRetries        int           // attempts after the first; less than 0 none, as package web counts
	PublicKeys        []string      // base64 SPKI; where there is one, nothing else verifies
	TrustedPublishers []string      // ids, likewise
	Mirrors           []string      // addresses of the same kinds as URL
	MaxAge            time.Duration // for how long after it expired an index is taken all the same; 0 is not at all
	BlockOrigin       bool          // origin = "block": nothing but the mirrors is asked
	Packages          []string      // `company/*`, `gal-company-*` or a name
	Root              string        // "sha256:" and 64 hex digits; "" until it is pinned
	ID                string        // the registry's own id; "" until it is pinned
	ClientCert        string        // absolute path of the PEM certificate that its host asks for, "" for none
	ClientKey         string        // that of its key; "" where it is in the same file
}

// BuiltIn is the registry of those who have configured none.
func BuiltIn() Registry {
	return Registry{Name: DefaultName, URL: DefaultURL, AuthType: "Token", VerifySignatures: Verify,
		TimeoutSeconds: DefaultTimeout, MaxRetries: DefaultRetries}
}

// Kind returns Static, Git or Directory, "" for a registry that is not legal.
func (r Registry) Kind() string {
	a, _ := parseAddress(r.URL)
	return a.kind
}

// Origin returns the scheme, host and port that the registry's credentials belong to, in the form of web.Origin; the
// scheme is https for git+https and ssh for git+ssh. It is "" for a folder.
func (r Registry) Origin() string {
	a, _ := parseAddress(r.URL)
	return a.origin
}

// Dir returns the folder of a registry of kind Directory, "" for other kinds.
func (r Registry) Dir() string {
	if r.Kind() != Directory {
		return ""
	}
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "file" {
		return r.URL
	}
	path := u.Path
	if runtime.GOOS == "windows" {
		path = strings.TrimPrefix(path, "/")
	}
	return filepath.FromSlash(path)
}

// CheckRegistryName says what is wrong with the name of a registry, nil for nothing.
func CheckRegistryName(name string) error {
	if name == "" || len(name) > 64 || !only(name, alphanumeric+"-_") || strings.ContainsAny(name[:1]+name[len(name)-1:], "-_") {
		return fmt.Errorf("the name %q is not 1 to 64 bytes of a-z, 0-9, - and _ with a letter or digit at both ends", name)
	}
	return nil
}

// claims returns the length of the longest pattern that claims a package's name, plus one for an exact one; 0 for none.
func (r Registry) claims(name string) int {
	name = manifest.Fold(name)
	longest := 0
	for _, pattern := range r.Packages {
		beginning, star := strings.CutSuffix(manifest.Fold(pattern), "*")
		switch {
		case star && strings.HasPrefix(name, beginning):
			longest = max(longest, len(beginning))
		case !star && name == beginning:
			longest = len(beginning) + 1
		}
	}
	return longest
}
