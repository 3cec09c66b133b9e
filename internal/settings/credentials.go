package settings

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/manifest"
)

// VariableDefault holds the token of the default registry.
const VariableDefault = "GAL_REGISTRY_TOKEN"

// Variable returns the name of the variable that holds the token of a registry, `GAL_REGISTRIES_COMPANY_TOKEN`.
func Variable(registry string) string {
	return "GAL_REGISTRIES_" + strings.ToUpper(strings.ReplaceAll(registry, "-", "_")) + "_TOKEN"
}

// Credentials finds and keeps the credentials of registries. It holds no secret itself: it reads its file anew each time.
type Credentials struct {
	file       file
	env        Environment
	registries *Registries
}

// OpenCredentials returns the credentials in a file, which need not exist and is not read yet, and in variables, for the
// registries given. Later changes of registries count.
func OpenCredentials(path string, env Environment, registries *Registries) *Credentials {
	return &Credentials{file: file{path: path, secret: true}, env: env, registries: registries}
}

// For returns the credential of a registry, false where there is none; registry is as for [Registries.Find]. The
// registry's own variable goes before that of the default registry, and both before the file. A token out of a variable is for the
// origin of the registry's address; it has none where that is neither http nor https.
//
// Errors: that of Find; of kind Auth, code "bad-token", for a variable; of kind Manifest, codes "credentials-exposed"
// and "bad-credentials", for the file.
func (c *Credentials) For(registry string) (Credential, bool, error) {
	r, err := c.registries.Find(registry)
	if err != nil || r.AuthType == "None" {
		return Credential{}, false, err
	}
	if found, ok, err := c.variable(r); ok || err != nil {
		return found, ok, err
	}
	data, err := c.file.read()
	if err != nil {
		return Credential{}, false, err
	}
	all, err := parseCredentials(c.file.path, data)
	if err != nil {
		return Credential{}, false, err
	}
	found, ok := all[storedName(all, r.Name)]
	return found, ok, nil
}

// Authorizer returns a function for web.Options.Credentials: it gives the credential of a registry to its origin alone.
// The errors are those of For.
func (c *Credentials) Authorizer(registry string) (func(origin string) string, error) {
	found, _, err := c.For(registry)
	if err != nil {
		return nil, err
	}
	return found.AuthorizationFor, nil
}

func (c *Credentials) variable(r Registry) (Credential, bool, error) {
	names := []string{Variable(r.Name)}
	if r.Name == c.registries.Default {
		names = append(names, VariableDefault)
	}
	for _, name := range names {
		// A line feed at the end is what `cat FILE` and secret stores leave there.
		token := strings.TrimSpace(c.env(name))
		if token == "" {
			continue
		}
		origin, err := web.Origin(r.Origin())
		if err != nil {
			origin = ""
		}
		found := Credential{Token: token, Origin: origin, Source: name}
		if err := found.check(); err != nil {
			return Credential{}, false, fault.New(fault.Auth, "bad-token", "the variable %s %v", name, err)
		}
		return found, true, nil
	}
	return Credential{}, false, nil
}

// parseCredentials reads the file. Its errors tell places and names of keys, and nothing else of what is there.
func parseCredentials(path string, data []byte) (map[string]Credential, error) {
	values := map[string]any{}
	if _, err := manifest.DecodeTOML(path, data, MaxSize, &values); err != nil {
		e := fault.New(fault.Manifest, "bad-credentials", "%s is not TOML", path)
		if problems := manifest.Problems(nil); errors.As(err, &problems) && len(problems) > 0 && problems[0].Line > 0 {
			e.WithFact("at line %d, column %d", problems[0].Line, problems[0].Column)
		}
		return nil, e
	}
	top := &table{report: &report{path: path, code: "bad-credentials"}, values: values}
	tables := top.table("registries")
	all, folded := map[string]Credential{}, map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(tables.values)) {
		if folded[manifest.Fold(name)] {
			top.fail("two registries have names that are too much alike; remove one")
		}
		folded[manifest.Fold(name)] = true
		all[name] = readCredential(tables.exactly(name), path)
	}
	return all, top.err()
}

func readCredential(t *table, path string) Credential {
	c := Credential{Token: t.text("token"), Username: t.text("username"), Password: t.text("password"), Origin: t.text("origin"),
		Source: filepath.Base(path)}
	if err := c.check(); err != nil {
		t.fail("%s %v", t.where, err)
	}
	if origin, err := web.Origin(c.Origin); err != nil || origin != c.Origin {
		t.fail("%s has no origin of the form https://HOST; log in again", t.where)
	}
	return c
}

// storedName is the spelling in which the file has a registry's name.
func storedName(all map[string]Credential, name string) string {
	for other := range all {
		if manifest.Fold(other) == manifest.Fold(name) {
			return other
		}
	}
	return name
}

// Set keeps the credential of a registry in the file, in place of a former one. Without an Origin it is for that of the
// registry's address; an Origin may be any address there. Errors: that of Find; of kind Usage, "bad-credential" and
// "bad-origin"; those of For about the file.
func (c *Credentials) Set(ctx context.Context, registry string, credential Credential) error {
	r, err := c.registries.Find(registry)
	if err != nil {
		return err
	}
	if err := credential.check(); err != nil {
		return fault.New(fault.Usage, "bad-credential", "the credential for %q %v", r.Name, err)
	}
	if credential.Origin, err = originFor(r, credential.Origin); err != nil {
		return err
	}
	return c.file.edit(ctx, func(old []byte) ([]byte, error) {
		return editCredentials(c.file.path, old, r.Name, &credential)
	})
}

// originFor checks where a credential is to be sent.
func originFor(r Registry, wanted string) (string, error) {
	if wanted == "" {
		wanted = r.Origin()
	}
	if wanted == "" || strings.HasPrefix(wanted, "ssh://") || r.AuthType == "None" {
		return "", fault.New(fault.Usage, "bad-origin", "the registry %q at %s takes no credential", r.Name, r.URL)
	}
	a, err := webAddress("", wanted, Static)
	if err != nil {
		return "", fault.New(fault.Usage, "bad-origin", "the origin for %q %v", r.Name, err)
	}
	if a.insecure && !r.AllowInsecure {
		return "", fault.New(fault.Usage, "bad-origin", "everybody on the way to %s could read the credential", a.origin)
	}
	return a.origin, nil
}

// Remove forgets the credential of a registry, and reports whether the file had one; the registry may be gone itself.
// Variables are not its business. Errors are those of For about the file.
func (c *Credentials) Remove(ctx context.Context, registry string) (bool, error) {
	if r, err := c.registries.Find(registry); err == nil {
		registry = r.Name
	}
	if data, err := c.file.read(); data == nil {
		return false, err
	}
	had := false
	err := c.file.edit(ctx, func(old []byte) ([]byte, error) {
		text, err := editCredentials(c.file.path, old, registry, nil)
		had = len(text) != len(old)
		return text, err
	})
	return had && err == nil, err
}

// editCredentials writes a credential into the text of the file, or removes it for nil.
func editCredentials(path string, old []byte, registry string, credential *Credential) ([]byte, error) {
	all, err := parseCredentials(path, old)
	if err != nil {
		return nil, err
	}
	e, err := newEditor(path, old)
	if err != nil {
		return nil, err
	}
	name := storedName(all, registry)
	if credential == nil {
		e.remove("registries", name)
		return e.done()
	}
	fields := []struct{ key, value string }{{"origin", credential.Origin}, {"token", credential.Token},
		{"username", credential.Username}, {"password", credential.Password}}
	for _, f := range fields {
		if f.value == "" {
			e.remove("registries", name, f.key)
		} else {
			e.set(f.value, "registries", name, f.key)
		}
	}
	text, err := e.done()
	if err != nil {
		return nil, err
	}
	_, err = parseCredentials(path, text)
	return text, err
}
