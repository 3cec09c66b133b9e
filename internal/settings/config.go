package settings

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// Keys of [Config] that live in other files.
const (
	KeyDefaultRegistry = "default-registry"
	KeyAuthToken       = "auth.token"
)

// Entry is one value that is configured.
type Entry struct {
	Key    string `json:"key"`
	Value  string `json:"value"`  // as Set takes it; a secret is masked
	Origin string `json:"origin"` // the file or the variable that it comes from, "built in" for neither
}

// Values are the values of config.toml, with the defaults where nothing is set.
type Values struct {
	Publisher   string // "" where none is set
	SigningKey  string // an absolute path, "" where none is set
	SigningAuto bool
	StoreVerify string // content (the default) or stat
	LinkMode    string // auto (the default), symlink, hardlink, copy, or on Windows junction
	GitBinary   string // auto (the default), never or always
	Shared      string // address of a cache that a team has in common, "" where none is set
	SharedWrite bool   // give it what it does not have
	Jobs        int    // 0 where none is set: as many as the machine can do
	Color       string // auto (the default), always or never
	Offline     bool
}

// Sources are what a [Config] needs for the keys that live elsewhere, and for relative paths.
type Sources struct {
	Registries  *Registries  // nil: default-registry is not set
	Credentials *Credentials // nil: auth.token is not set
	WorkDir     string       // what a relative path given to Set is relative to; "" refuses one
}

// Config is config.toml and the keys that go with it. A value is not safe for concurrent use.
type Config struct {
	Warnings []string // unknown keys

	sources Sources
	file    file
	values  map[string]string // by the canonical key
}

// LoadConfig reads config.toml; without the file nothing is set.
func LoadConfig(path string, sources Sources) (*Config, error) {
	c := &Config{file: file{path: path}, sources: sources}
	data, err := c.file.read()
	if err != nil {
		return nil, err
	}
	return c, c.become(data)
}

func (c *Config) become(data []byte) error {
	values, warnings, err := parseConfig(c.file.path, data)
	if err != nil {
		return err
	}
	c.values, c.Warnings = values, warnings
	return nil
}

func parseConfig(path string, data []byte) (values map[string]string, warnings []string, err error) {
	tree, err := decode(path, data)
	if err != nil {
		return nil, nil, err
	}
	top := &table{report: &report{path: path, code: "bad-config"}, values: tree}
	values = map[string]string{}
	sections := map[string]*table{"": top}
	for _, o := range options() {
		section, key := o.split()
		if sections[section] == nil {
			sections[section] = top.table(section)
		}
		if text, ok := o.read(sections[section], key); ok {
			values[o.name] = text
		}
	}
	for _, name := range []string{"", "signing", "store", "fetch", "cache"} {
		sections[name].rest()
	}
	return values, top.warnings, top.err()
}

// Values returns the values with their defaults.
func (c *Config) Values() Values {
	or := func(key, value string) string {
		if v := c.values[key]; v != "" {
			return v
		}
		return value
	}
	jobs, _ := strconv.Atoi(c.values["jobs"])
	signingKey := c.values["signing.key"]
	if signingKey != "" && !filepath.IsAbs(signingKey) {
		signingKey = filepath.Join(filepath.Dir(c.file.path), signingKey)
	}
	return Values{
		Publisher:   c.values["publisher"],
		SigningKey:  signingKey,
		SigningAuto: c.values["signing.auto"] == "true",
		StoreVerify: or("store.verify", "content"),
		LinkMode:    or("store.link-mode", "auto"),
		GitBinary:   or("fetch.git-binary", "auto"),
		Shared:      c.values["cache.shared"],
		SharedWrite: c.values["cache.shared-write"] == "true",
		Jobs:        jobs,
		Color:       or("color", "auto"),
		Offline:     c.values["offline"] == "true",
	}
}

// Keys returns all known keys, sorted.
func Keys() []string {
	keys := []string{KeyDefaultRegistry, KeyAuthToken}
	for _, o := range options() {
		keys = append(keys, o.name)
	}
	slices.Sort(keys)
	return keys
}

// Words returns the values that a known key can have, nil where they are not a few words.
func Words(key string) []string { return findOption(key).words }

// canonicalKey finds a key in any spelling. The error is of kind Usage, code "unknown-config-key".
func canonicalKey(key string) (string, error) {
	for _, known := range Keys() {
		if manifest.Fold(known) == manifest.Fold(key) {
			return known, nil
		}
	}
	return "", fault.New(fault.Usage, "unknown-config-key", "%q is not a known key%s", key, didYouMean(key, Keys())).
		WithFact("keys: %s", strings.Join(Keys(), ", "))
}

// Get returns the value of a key. Errors: of kind Usage, code "unknown-config-key"; of kind Negative, code "config-unset",
// where nothing is set, also if there is a default; those of [Credentials.For] for auth.token.
func (c *Config) Get(key string) (string, error) {
	e, err := c.Lookup(key)
	return e.Value, err
}

// Lookup is Get that tells where the value comes from, too.
func (c *Config) Lookup(key string) (Entry, error) {
	key, err := canonicalKey(key)
	if err != nil {
		return Entry{}, err
	}
	e, ok, err := c.entry(key)
	if err != nil {
		return Entry{}, err
	}
	if !ok {
		return Entry{}, unset(key)
	}
	return e, nil
}

func unset(key string) error {
	e := fault.New(fault.Negative, "config-unset", "%s is not set", key)
	if key == KeyAuthToken {
		return e.WithHelp("gal-pkg login --token -")
	}
	return e.WithHelp("gal-pkg config set %s VALUE", key)
}

// entry returns the value of a canonical key, false where none is set.
func (c *Config) entry(key string) (Entry, bool, error) {
	switch key {
	case KeyDefaultRegistry:
		return c.defaultRegistry()
	case KeyAuthToken:
		return c.authToken()
	}
	value, ok := c.values[key]
	return Entry{key, value, c.file.path}, ok, nil
}

func (c *Config) defaultRegistry() (Entry, bool, error) {
	rs := c.sources.Registries
	if rs == nil {
		return Entry{}, false, nil
	}
	origin := "built in"
	if rs.chosen {
		origin = rs.file.path
	}
	return Entry{KeyDefaultRegistry, rs.Default, origin}, true, nil
}

func (c *Config) authToken() (Entry, bool, error) {
	if c.sources.Credentials == nil {
		return Entry{}, false, nil
	}
	found, ok, err := c.sources.Credentials.For("")
	if !ok || err != nil {
		return Entry{}, false, err
	}
	return Entry{KeyAuthToken, found.masked() + " (" + found.Source + ")", found.Source}, true, nil
}

// List returns what is set, sorted by key. The error is one of [Credentials.For]; the other entries come with it.
func (c *Config) List() ([]Entry, error) {
	var list []Entry
	var failed error
	for _, key := range Keys() {
		e, ok, err := c.entry(key)
		if err != nil {
			failed = err
		}
		if ok {
			list = append(list, e)
		}
	}
	return list, failed
}
