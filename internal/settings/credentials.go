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

// Credentials finds and keeps the credentials of registries and of the shared cache. It holds no secret itself: it reads its
// file anew each time.
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
	found, ok := all.registries[storedName(all.registries, r.Name)]
	return found, ok, nil
}

// ForShared returns the credential of the cache that a team has in common, by its address: the one that is stored for it, else
// that of a registry of the same origin, the default one first; false where there is none. The errors are those of For, and
// of [web.Origin].
func (c *Credentials) ForShared(address string) (Credential, bool, error) {
	origin, err := web.Origin(address)
	if err != nil {
		return Credential{}, false, err
	}
	data, err := c.file.read()
	if err != nil {
		return Credential{}, false, err
	}
	all, err := parseCredentials(c.file.path, data)
	if err != nil || all.shared.Origin == origin {
		return all.shared, err == nil, err
	}
	for _, name := range append([]string{c.registries.Default}, c.registries.Names()...) {
		if c.registries.All[name].Origin() != origin {
			continue
		}
		if found, ok, err := c.For(name); ok && found.Origin == origin || err != nil {
			return found, err == nil, err
		}
	}
	return Credential{}, false, nil
}

// SharedOrigin is where the credential goes that is stored for the shared cache; "" where there is none. The errors are those
// of For.
func (c *Credentials) SharedOrigin() (string, error) {
	data, err := c.file.read()
	if err != nil {
		return "", err
	}
	all, err := parseCredentials(c.file.path, data)
	return all.shared.Origin, err
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

// kept is what the file holds.
//
//	[registries.NAME]     origin, and token, or username and password
//	[cache.shared]        likewise, of the cache that a team has in common
type kept struct {
	registries map[string]Credential
	shared     Credential
}

// parseCredentials reads the file. Its errors tell places and names of keys, and nothing else of what is there.
func parseCredentials(path string, data []byte) (kept, error) {
	values := map[string]any{}
	if _, err := manifest.DecodeTOML(path, data, MaxSize, &values); err != nil {
		e := fault.New(fault.Manifest, "bad-credentials", "%s is not TOML", path)
		if problems := manifest.Problems(nil); errors.As(err, &problems) && len(problems) > 0 && problems[0].Line > 0 {
			e.WithFact("at line %d, column %d", problems[0].Line, problems[0].Column)
		}
		return kept{}, e
	}
	top := &table{report: &report{path: path, code: "bad-credentials"}, values: values}
	tables := top.table("registries")
	all, folded := kept{registries: map[string]Credential{}}, map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(tables.values)) {
		if folded[manifest.Fold(name)] {
			top.fail("two registries have names that are too much alike; remove one")
		}
		folded[manifest.Fold(name)] = true
		all.registries[name] = readCredential(tables.exactly(name), path)
	}
	if shared := top.table("cache").table("shared"); shared.values != nil {
		all.shared = readCredential(shared, path)
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
	return c.edit(ctx, &credential, "registries", r.Name)
}

// SetShared keeps the credential of the cache that a team has in common, by its address, in place of a former one. The errors
// are those of Set.
func (c *Credentials) SetShared(ctx context.Context, address string, credential Credential) error {
	if err := credential.check(); err != nil {
		return fault.New(fault.Usage, "bad-credential", "the credential for the shared cache %v", err)
	}
	a, err := webAddress("", address, Static)
	if err != nil {
		return fault.New(fault.Usage, "bad-origin", "the address of the shared cache %v", err)
	}
	if a.insecure {
		return fault.New(fault.Usage, "bad-origin", "everybody on the way to %s could read the credential", a.origin)
	}
	credential.Origin = a.origin
	return c.edit(ctx, &credential, "cache", "shared")
}

// edit puts a credential into a table of the file.
func (c *Credentials) edit(ctx context.Context, credential *Credential, table ...string) error {
	return c.file.edit(ctx, func(old []byte) ([]byte, error) { return editCredentials(c.file.path, old, credential, table) })
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
	return c.remove(ctx, "registries", registry)
}

// RemoveShared forgets the credential that SetShared has kept. It is as Remove.
func (c *Credentials) RemoveShared(ctx context.Context) (bool, error) {
	return c.remove(ctx, "cache", "shared")
}

func (c *Credentials) remove(ctx context.Context, table ...string) (bool, error) {
	if data, err := c.file.read(); data == nil {
		return false, err
	}
	had := false
	err := c.file.edit(ctx, func(old []byte) ([]byte, error) {
		text, err := editCredentials(c.file.path, old, nil, table)
		had = len(text) != len(old)
		return text, err
	})
	return had && err == nil, err
}

// editCredentials writes a credential into a table of the text of the file, or removes it for nil.
func editCredentials(path string, old []byte, credential *Credential, table []string) ([]byte, error) {
	all, err := parseCredentials(path, old)
	if err != nil {
		return nil, err
	}
	e, err := newEditor(path, old)
	if err != nil {
		return nil, err
	}
	if table[0] == "registries" {
		table[1] = storedName(all.registries, table[1])
	}
	if credential == nil {
		e.remove(table...)
		return e.done()
	}
	fields := []struct{ key, value string }{{"origin", credential.Origin}, {"token", credential.Token},
		{"username", credential.Username}, {"password", credential.Password}}
	for _, f := range fields {
		if f.value == "" {
			e.remove(table[0], table[1], f.key)
		} else {
			e.set(f.value, table[0], table[1], f.key)
		}
	}
	text, err := e.done()
	if err != nil {
		return nil, err
	}
	_, err = parseCredentials(path, text)
	return text, err
}
