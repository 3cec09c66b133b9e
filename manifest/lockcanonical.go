package manifest

import (
	"strings"
	"unicode/utf8"
)

// canonical reads the canonical bytes of a lock, line by line; ok turns false at anything else.
type canonical struct {
	rest string
	ok   bool
}

func readCanonical(text string) (rawLock, bool) {
	c := &canonical{rest: text, ok: utf8.ValidString(text)}
	var raw rawLock
	c.need("version = 1\n")
	raw.root, _ = c.text("root = ")
	raw.excludeNewer, _ = c.text("exclude-newer = ")
	if !c.ok {
		return raw, false
	}
	raw.packages = make([]rawPackage, 0, strings.Count(c.rest, "\n[[packages]]\n"))
	for c.ok && c.rest != "" {
		c.need("\n[[packages]]\n")
		var p rawPackage
		var named, numbered bool
		p.name, named = c.text("name = ")
		p.version, numbered = c.text("version = ")
		p.source, _ = c.text("source = ")
		p.checksum, _ = c.text("checksum = ")
		p.features = c.list("features = ")
		p.dependencies = c.list("dependencies = ")
		c.ok = c.ok && named && numbered
		raw.packages = append(raw.packages, p)
	}
	return raw, c.ok && strings.HasPrefix(text, "version = 1\nroot = ")
}

// need consumes a text that must be next.
func (c *canonical) need(text string) {
	rest, found := strings.CutPrefix(c.rest, text)
	c.rest, c.ok = rest, c.ok && found
}

// text consumes `key = "value"` and its line feed, where that is next.
func (c *canonical) text(key string) (string, bool) {
	rest, found := strings.CutPrefix(c.rest, key)
	if !found || !c.ok {
		return "", false
	}
	c.rest = rest
	s := c.quoted()
	c.need("\n")
	return s, true
}

// quoted consumes a string without escapes.
func (c *canonical) quoted() string {
	c.need(`"`)
	for i := 0; i < len(c.rest); i++ {
		switch b := c.rest[i]; {
		case b == '"':
			s := c.rest[:i]
			c.rest = c.rest[i+1:]
			return s
		case b == '\\' || b < 0x20 || b == 0x7f:
			c.ok = false
			return ""
		}
	}
	c.ok = false
	return ""
}

// list consumes `key = ["a", "b"]` and its line feed, where that is next.
func (c *canonical) list(key string) []string {
	rest, found := strings.CutPrefix(c.rest, key+"[")
	if !found || !c.ok {
		return nil
	}
	c.rest = rest
	list := []string{c.quoted()}
	for c.ok && strings.HasPrefix(c.rest, ", ") {
		c.rest = c.rest[2:]
		list = append(list, c.quoted())
	}
	c.need("]\n")
	return list
}
