package settings

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/sign"
)

// maxItems bounds each list of a registry.
const maxItems = 1000

// readRegistry reads one table below [registries].
func readRegistry(t *table, key string) Registry {
	r := Registry{
		Name:              t.text("name"),
		URL:               t.text("url"),
		AuthType:          t.text("auth_type"),
		VerifySignatures:  t.verify("verify_signatures"),
		AllowInsecure:     t.flag("allow_insecure"),
		PublicKeys:        t.texts("public_keys"),
		TrustedPublishers: t.texts("trusted_publishers"),
		Mirrors:           t.texts("mirrors"),
		BlockOrigin:       t.blocks("origin"),
		MaxAge:            t.span("max_age"),
		Packages:          t.texts("packages"),
		Root:              t.text("root"),
		ID:                t.text("id"),
		ClientCert:        t.text("client_cert"),
		ClientKey:         t.text("client_key"),
	}
	r.TimeoutSeconds, _ = t.integer("timeout_seconds", 1, 3600)
	if n, ok := t.integer("max_retries", 0, 20); ok {
		r.MaxRetries = n
		if n == 0 {
			r.MaxRetries = -1
		}
	}
	t.rest()
	r.check(t, key)
	return r
}

// verify reads true, false or "warn".
func (t *table) verify(key string) string {
	switch v := t.take(key); v {
	case nil:
		return ""
	case true:
		return Verify
	case false:
		return VerifyNot
	case VerifyWarn:
		return VerifyWarn
	}
	t.fail("%s must be true, false or %q", t.name(key), VerifyWarn)
	return ""
}

// blocks reads what becomes of requests to the registry's own host, beside its mirrors: "ask" or "block".
func (t *table) blocks(key string) bool {
	switch word := t.text(key); word {
	case "", "ask":
	case "block":
		return true
	default:
		t.fail("%s is %q; it must be \"ask\" or \"block\"", t.name(key), word)
	}
	return false
}

// maxMaxAge bounds for how long an index may have expired.
const maxMaxAge = 10 * 365 * 24 * time.Hour

// span reads a span of time such as "30 days".
func (t *table) span(key string) time.Duration {
	text := t.text(key)
	if text == "" {
		return 0
	}
	d, err := manifest.ParseSpan(text)
	if err != nil || d <= 0 || d > maxMaxAge {
		t.fail("%s is %q; it must be a span of at most ten years, such as \"30 days\"", t.name(key), text)
		return 0
	}
	return d
}

// check fills in and makes canonical what r holds, and reports what is wrong to t, whose place is that of the registry.
func (r *Registry) check(t *table, key string) {
	if err := CheckRegistryName(key); err != nil {
		t.fail("%s: %v", t.where, err)
	}
	if r.Name != "" && r.Name != key {
		t.fail("%s is %q; it must be %q, the name of its table", t.name("name"), r.Name, key)
	}
	r.Name = key
	r.fill()
	r.AuthType = t.authType(r.AuthType)
	if !slices.Contains([]string{Verify, VerifyWarn, VerifyNot}, r.VerifySignatures) {
		t.fail("%s must be true, false or %q", t.name("verify_signatures"), VerifyWarn)
	}
	if r.TimeoutSeconds < 1 || r.TimeoutSeconds > 3600 {
		t.fail("%s must be between 1 and 3600", t.name("timeout_seconds"))
	}
	if r.MaxRetries > 20 {
		t.fail("%s must be between 0 and 20", t.name("max_retries"))
	}
	r.URL = t.address(t.name("url"), r.URL, r.AllowInsecure)
	if r.BlockOrigin && len(r.Mirrors) == 0 {
		t.fail("%s is \"block\", and there are no mirrors to ask instead", t.name("origin"))
	}
	for i, m := range r.Mirrors {
		r.Mirrors[i] = t.address(fmt.Sprintf("%s[%d]", t.name("mirrors"), i), m, r.AllowInsecure)
	}
	r.checkIdentity(t)
	r.checkPins(t)
	r.checkTrust(t)
	r.checkPackages(t)
}

func (r *Registry) fill() {
	d := BuiltIn()
	if r.AuthType == "" {
		r.AuthType = d.AuthType
	}
	if r.VerifySignatures == "" {
		r.VerifySignatures = d.VerifySignatures
	}
	if r.TimeoutSeconds == 0 {
		r.TimeoutSeconds = d.TimeoutSeconds
	}
	if r.MaxRetries == 0 {
		r.MaxRetries = d.MaxRetries
	}
	if r.MaxRetries < 0 {
		r.MaxRetries = -1
	}
	r.PublicKeys, r.TrustedPublishers = slices.Clone(r.PublicKeys), slices.Clone(r.TrustedPublishers)
	r.Mirrors, r.Packages = slices.Clone(r.Mirrors), slices.Clone(r.Packages)
}

// authType accepts the words in any case, and returns the specification's.
func (t *table) authType(word string) string {
	words := []string{"Token", "Basic", "OAuth2", "None"}
	for _, w := range words {
		if strings.EqualFold(w, word) {
			return w
		}
	}
	t.fail("%s is %q; it must be one of %s%s", t.name("auth_type"), word, strings.Join(words, ", "), didYouMean(word, words))
	return word
}

// address checks one address, and returns it in its canonical form.
func (t *table) address(key, raw string, allowInsecure bool) string {
	a, err := parseAddress(raw)
	switch {
	case err != nil:
		t.fail("%s %v", key, err)
		return raw
	case a.insecure && !allowInsecure:
		t.fail("%s is %q, which everybody on the way can read and change; write https:// or set allow_insecure = true", key, a.text)
	case a.insecure:
		t.warn("%s is %q: everybody on the way can read and change what it sends, and see its credentials", key, a.text)
	}
	return a.text
}

func (r *Registry) checkPins(t *table) {
	if r.Root != "" && CheckRoot(r.Root) != nil {
		t.fail("%s is %q; it must be sha256: and 64 lower-case hex digits", t.name("root"), r.Root)
	}
	if r.ID != "" && !isRegistryID(r.ID) {
		t.fail("%s is %q; it must be 3 to 64 lower-case letters, digits, dots and hyphens", t.name("id"), r.ID)
	}
	if r.VerifySignatures == VerifyNot {
		t.warn("%s is false: packages of this registry are accepted from anybody", t.name("verify_signatures"))
	}
}

// CheckRoot says what is wrong with the fingerprint of a root of trust, nil for nothing: it is `sha256:` and 64 lower-case
// hex digits, as `gal-registry root show` prints it.
func CheckRoot(root string) error {
	if digest, ok := strings.CutPrefix(root, "sha256:"); !ok || len(digest) != 64 || !only(digest, "0123456789abcdef") {
		return fmt.Errorf("%q is no fingerprint of a root: it is sha256: and 64 lower-case hex digits", root)
	}
	return nil
}

func isRegistryID(id string) bool {
	return len(id) >= 3 && len(id) <= 64 && only(id[:1], alphanumeric) && only(id, alphanumeric+".-")
}

// checkTrust warns of keys and ids that nobody can have. They stay: the lists narrow, so such an entry accepts nothing,
// and without it an emptied list would accept everything.
func (r *Registry) checkTrust(t *table) {
	t.limit("public_keys", len(r.PublicKeys))
	t.limit("trusted_publishers", len(r.TrustedPublishers))
	for i, key := range r.PublicKeys {
		if _, err := sign.ParsePublicKey(key); err != nil {
			t.warn("%s[%d] is no public key, and accepts nothing: %v", t.name("public_keys"), i, err)
		}
	}
	for i, id := range r.TrustedPublishers {
		if manifest.CheckName(id) != nil || strings.Contains(id, "/") {
			t.warn("%s[%d] is %q, which is no publisher's id, and accepts nothing", t.name("trusted_publishers"), i, id)
		}
	}
}

func (t *table) limit(key string, n int) {
	if n > maxItems {
		t.fail("%s has %d entries, at most %d are allowed", t.name(key), n, maxItems)
	}
}

// checkPackages refuses patterns that claim nothing or everything.
func (r *Registry) checkPackages(t *table) {
	t.limit("packages", len(r.Packages))
	t.limit("mirrors", len(r.Mirrors))
	for i, pattern := range r.Packages {
		if !isPattern(pattern) {
			t.fail("%s[%d] is %q; a pattern is a package's name, or the beginning of names and a star: \"company/*\"", t.name("packages"), i, pattern)
		}
	}
}

// isPattern accepts one name, with or without a scope, and a star for the rest of it: at least a letter stands before it.
func isPattern(pattern string) bool {
	name, star := strings.CutSuffix(pattern, "*")
	scope, rest, scoped := strings.Cut(name, "/")
	if !scoped {
		return isPart(name)
	}
	return isPart(scope) && (isPart(rest) || star && rest == "")
}

// isPart accepts the beginning of a part of a name.
func isPart(text string) bool {
	return text != "" && len(text) <= manifest.MaxNamePartLength && only(text[:1], letters) && only(text, alphanumeric+"-_")
}

const (
	letters      = "abcdefghijklmnopqrstuvwxyz"
	alphanumeric = letters + "0123456789"
)

// only reports whether every byte of a text is one of some.
func only(text, bytes string) bool { return strings.Trim(text, bytes) == "" }
