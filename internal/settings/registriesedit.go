package settings

import (
	"context"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// change edits registries.toml: it calls do with what the file holds now, which may be newer than rs, and an editor of its
// text. The result must be a legal file. On success rs has its meaning.
func (rs *Registries) change(ctx context.Context, do func(now *Registries, e *editor) error) error {
	var text []byte
	err := rs.file.edit(ctx, func(old []byte) (_ []byte, err error) {
		text, err = editRegistries(rs.file.path, old, do)
		return text, err
	})
	if err != nil {
		return err
	}
	return rs.become(text)
}

// editRegistries is change without files.
func editRegistries(path string, old []byte, do func(now *Registries, e *editor) error) ([]byte, error) {
	now, err := parseRegistries(path, old)
	if err != nil {
		return nil, err
	}
	e, err := newEditor(path, old)
	if err != nil {
		return nil, err
	}
	if err := do(now, e); err != nil {
		return nil, err
	}
	text, err := e.done()
	if err != nil {
		return nil, err
	}
	_, err = parseRegistries(path, text)
	return text, err
}

// Add writes a registry at the end of the file. Errors of kind Usage: "registry-exists"; "bad-registry" where the name or a
// field is wrong, which includes keys and ids that a file may hold with a warning.
func (rs *Registries) Add(ctx context.Context, name string, r Registry) error {
	return rs.change(ctx, func(now *Registries, e *editor) error { return now.add(e, name, r) })
}

func (rs *Registries) add(e *editor, name string, r Registry) error {
	if old, err := rs.Find(name); err == nil && name != "" && rs.written(e, old.Name) {
		return fault.New(fault.Usage, "registry-exists", "the registry %q exists already, at %s", old.Name, old.URL).
			WithHelp("gal-pkg registry remove %s", old.Name)
	}
	if err := r.checkNew(name); err != nil {
		return err
	}
	e.add(r)
	if e.err != nil {
		return e.err
	}
	if _, err := parseRegistries(e.path, e.Bytes()); err != nil {
		return fault.New(fault.Usage, "bad-registry", "the registry %q cannot be added", name).Because(err)
	}
	return nil
}

// checkNew is check for a registry that a user is adding now, who can still correct what a file may hold.
func (r *Registry) checkNew(name string) error {
	t := &table{report: &report{}, where: name}
	r.check(t, name)
	keys := &table{report: &report{}, where: name}
	r.checkTrust(keys)
	problems := append(t.problems, keys.warnings...)
	if len(problems) == 0 {
		return nil
	}
	e := fault.New(fault.Usage, "bad-registry", "the registry %q cannot be added", name)
	for _, p := range problems {
		e.WithFact("%s", p)
	}
	return e
}

// written reports whether the file itself has a registry, unlike the built-in one.
func (rs *Registries) written(e *editor, name string) bool { return e.Has("registries", name) }

// add writes what is not a default.
func (e *editor) add(r Registry) {
	d := BuiltIn()
	set := func(key string, value any, other bool) {
		if other {
			e.set(value, "registries", r.Name, key)
		}
	}
	set("name", r.Name, true)
	set("url", r.URL, true)
	set("auth_type", r.AuthType, r.AuthType != d.AuthType)
	if r.VerifySignatures == VerifyWarn {
		set("verify_signatures", VerifyWarn, true)
	}
	set("verify_signatures", false, r.VerifySignatures == VerifyNot)
	set("allow_insecure", true, r.AllowInsecure)
	set("timeout_seconds", r.TimeoutSeconds, r.TimeoutSeconds != d.TimeoutSeconds)
	set("max_retries", max(0, r.MaxRetries), r.MaxRetries != d.MaxRetries)
	set("public_keys", r.PublicKeys, len(r.PublicKeys) > 0)
	set("trusted_publishers", r.TrustedPublishers, len(r.TrustedPublishers) > 0)
	set("mirrors", r.Mirrors, len(r.Mirrors) > 0)
	set("origin", "block", r.BlockOrigin)
	set("max_age", manifest.Duration(r.MaxAge).String(), r.MaxAge > 0)
	set("packages", r.Packages, len(r.Packages) > 0)
	set("root", r.Root, r.Root != "")
	set("id", r.ID, r.ID != "")
	set("client_cert", r.ClientCert, r.ClientCert != "")
	set("client_key", r.ClientKey, r.ClientKey != "")
}

// Remove takes a registry out of the file. The default cannot be removed: kind Usage, code "registry-is-default".
func (rs *Registries) Remove(ctx context.Context, name string) error {
	return rs.change(ctx, func(now *Registries, e *editor) error {
		r, err := now.named(name)
		if err != nil {
			return err
		}
		if r.Name == now.Default {
			return fault.New(fault.Usage, "registry-is-default", "%q is the default registry", r.Name).
				WithHelp("gal-pkg registry set-default NAME")
		}
		e.remove("registries", r.Name)
		return nil
	})
}

// named is Find for an edit, where a name must be given.
func (rs *Registries) named(name string) (Registry, error) {
	if name == "" {
		return Registry{}, fault.New(fault.Usage, "bad-registry", "the name of the registry is empty")
	}
	return rs.Find(name)
}

// SetDefault makes a registry the default. A built-in one that was the default until now is written into the file, so
// that it stays.
func (rs *Registries) SetDefault(ctx context.Context, name string) error {
	return rs.change(ctx, func(now *Registries, e *editor) error {
		r, err := now.named(name)
		if err != nil {
			return err
		}
		if r.Name != DefaultName && !now.written(e, DefaultName) && now.Default == DefaultName {
			e.add(BuiltIn())
		}
		e.set(r.Name, "default_registry")
		return nil
	})
}

// ResetDefault takes the choice of a default out of the file; then it is [DefaultName].
func (rs *Registries) ResetDefault(ctx context.Context) error {
	return rs.change(ctx, func(_ *Registries, e *editor) error {
		e.remove("default_registry")
		return nil
	})
}

// SetID pins the id that a registry has told when it was first read. Another one than is pinned already is an error of kind
// Integrity, code "registry-id-changed": a different registry answers at that address.
func (rs *Registries) SetID(ctx context.Context, name, id string) error {
	return rs.change(ctx, func(now *Registries, e *editor) error {
		r, err := now.named(name)
		if err != nil {
			return err
		}
		if !isRegistryID(id) {
			return fault.New(fault.Usage, "bad-registry", "the id %q is not 3 to 64 lower-case letters, digits, dots and hyphens", id)
		}
		if r.ID != "" && r.ID != id {
			return fault.New(fault.Integrity, "registry-id-changed", "the registry %q has another id than before", r.Name).
				WithFact("expected %s", r.ID).WithFact("actual   %s", id).WithFact("url      %s", r.URL)
		}
		if !now.written(e, r.Name) {
			e.add(r)
		}
		e.set(id, "registries", r.Name, "id")
		return nil
	})
}

// Repin replaces the id and the root of trust that are pinned for a registry: for a user who has decided to trust it anew.
func (rs *Registries) Repin(ctx context.Context, name, id, root string) error {
	return rs.change(ctx, func(now *Registries, e *editor) error {
		r, err := now.named(name)
		if err != nil {
			return err
		}
		if !now.written(e, r.Name) {
			e.add(r)
		}
		e.set(id, "registries", r.Name, "id")
		if root != "" {
			e.set(root, "registries", r.Name, "root")
		}
		return nil
	})
}
