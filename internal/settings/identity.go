package settings

import (
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
)

// Identity returns the certificate that the registry's host asks for; the zero value is none. A key that others than its
// owner may read or replace is an error of kind Manifest, code "credentials-exposed".
func (r Registry) Identity() (web.Identity, error) {
	if r.ClientCert == "" {
		return web.Identity{}, nil
	}
	id := web.Identity{Origin: r.Origin(), CertFile: r.ClientCert, KeyFile: r.ClientKey}
	key := r.ClientKey
	if key == "" {
		key = r.ClientCert
	}
	h, err := atomicfile.OpenRegular(key)
	if err != nil {
		return id, fault.New(fault.Manifest, "bad-client-certificate", "the client certificate of the registry %q cannot be used", r.Name).
			WithFact("key at %s", key).Because(err)
	}
	defer h.Close()
	return id, file{path: key, secret: true}.guard(h)
}

// checkIdentity judges the paths alone: the files are looked at when the certificate is needed.
func (r *Registry) checkIdentity(t *table) {
	if r.ClientKey != "" && r.ClientCert == "" {
		t.fail("%s is there without %s", t.name("client_key"), t.name("client_cert"))
	}
	for _, p := range []struct{ key, path string }{{"client_cert", r.ClientCert}, {"client_key", r.ClientKey}} {
		if p.path == "" {
			continue
		}
		if err := checkPath(p.path); err != nil {
			t.fail("%s %v", t.name(p.key), err)
		} else if !filepath.IsAbs(p.path) {
			t.fail("%s is %q, which is not an absolute path", t.name(p.key), p.path)
		}
	}
	if a, err := parseAddress(r.URL); err == nil && r.ClientCert != "" && !strings.HasPrefix(a.origin, "https://") {
		t.fail("%s is there, and %s is not https: nobody asks for it", t.name("client_cert"), t.name("url"))
	}
}
