package settings

import (
	"context"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Set writes a value. Errors of kind Usage: "unknown-config-key"; "bad-config-value" for a value that the key cannot have;
// "read-only-key" for auth.token. For default-registry, those of [Registries.SetDefault].
func (c *Config) Set(ctx context.Context, key, value string) error {
	key, err := canonicalKey(key)
	if err != nil {
		return err
	}
	if key == KeyAuthToken {
		return readOnly("gal-pkg login --token -")
	}
	if key == KeyDefaultRegistry {
		return c.withRegistries(func(rs *Registries) error { return rs.SetDefault(ctx, value) })
	}
	o := findOption(key)
	typed, err := o.parse(value, c.sources.WorkDir)
	if err != nil {
		return fault.New(fault.Usage, "bad-config-value", "%s %v", key, err)
	}
	return c.change(ctx, func(e *editor) { e.set(typed, o.path()...) })
}

// Unset removes a value; one that is not set is no error. Errors are as for Set.
func (c *Config) Unset(ctx context.Context, key string) error {
	key, err := canonicalKey(key)
	if err != nil {
		return err
	}
	if key == KeyAuthToken {
		return readOnly("gal-pkg logout")
	}
	if key == KeyDefaultRegistry {
		return c.withRegistries(func(rs *Registries) error { return rs.ResetDefault(ctx) })
	}
	return c.change(ctx, func(e *editor) { e.remove(findOption(key).path()...) })
}

func readOnly(help string) error {
	return fault.New(fault.Usage, "read-only-key", "%s is only shown here", KeyAuthToken).WithHelp("%s", help)
}

func (c *Config) withRegistries(do func(*Registries) error) error {
	if c.sources.Registries == nil {
		return fault.New(fault.Usage, "read-only-key", "%s cannot be changed without registries.toml", KeyDefaultRegistry)
	}
	return do(c.sources.Registries)
}

// change edits config.toml. On success c has its meaning.
func (c *Config) change(ctx context.Context, do func(e *editor)) error {
	var text []byte
	err := c.file.edit(ctx, func(old []byte) (_ []byte, err error) {
		text, err = editConfig(c.file.path, old, do)
		return text, err
	})
	if err != nil {
		return err
	}
	return c.become(text)
}

// editConfig is change without files.
func editConfig(path string, old []byte, do func(e *editor)) ([]byte, error) {
	if _, _, err := parseConfig(path, old); err != nil {
		return nil, err
	}
	e, err := newEditor(path, old)
	if err != nil {
		return nil, err
	}
	do(e)
	text, err := e.done()
	if err != nil {
		return nil, err
	}
	_, _, err = parseConfig(path, text)
	return text, err
}
