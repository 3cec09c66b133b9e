package resolve

import "strings"

// A feature's value is one of `f`, `dep:x`, `x/f` and `x?/f`.
type featureValue struct {
	feature string // f
	alias   string // x, or "" for a feature of the package itself
	weak    bool   // x?/f
}

// optional is the name of the feature node that turns on an optional dependency.
func optionalName(alias string) string { return "dep:" + alias }

// parseFeatureValue reads a value as the candidate means it: the name of a package with a scope has a slash of its own.
func parseFeatureValue(c *Candidate, text string) featureValue {
	if strings.HasPrefix(text, "dep:") {
		return featureValue{feature: text}
	}
	at := strings.LastIndexByte(text, '/')
	if at < 0 || hasFeature(c, text) {
		return featureValue{feature: text}
	}
	alias, weak := strings.CutSuffix(text[:at], "?")
	return featureValue{feature: text[at+1:], alias: alias, weak: weak}
}

// hasOptional reports whether a candidate has an optional dependency of that alias.
func hasOptional(c *Candidate, alias string) bool {
	for i := range c.Dependencies {
		if d := &c.Dependencies[i]; d.Optional && d.Alias == alias && d.Kind != Dev {
			return true
		}
	}
	return false
}

// implicit reports whether a feature exists only because an optional dependency has its name.
func implicit(c *Candidate, name string) bool {
	if _, written := c.Features[name]; written || !hasOptional(c, name) {
		return false
	}
	for _, values := range c.Features {
		for _, value := range values {
			if value == optionalName(name) {
				return false
			}
		}
	}
	return true
}

// hasFeature reports whether a candidate has a feature, or, for "dep:x", an optional dependency. Every candidate has
// the feature default, though it may mean nothing.
func hasFeature(c *Candidate, name string) bool {
	if name == "default" {
		return true
	}
	if alias, ok := strings.CutPrefix(name, "dep:"); ok {
		return hasOptional(c, alias)
	}
	if _, written := c.Features[name]; written {
		return true
	}
	return implicit(c, name)
}

// valuesOf is what a feature of a candidate turns on, in the order written.
func valuesOf(c *Candidate, name string) []string {
	if values, written := c.Features[name]; written {
		return values
	}
	if implicit(c, name) {
		return []string{optionalName(name)}
	}
	return nil
}

// hasValue reports whether a feature of a candidate holds a value.
func hasValue(c *Candidate, name, value string) bool {
	for _, v := range valuesOf(c, name) {
		if v == value {
			return true
		}
	}
	return false
}

// turnsOn lists the features that a dependency asks of its target.
func turnsOn(d *Dependency) []string {
	if !d.DefaultFeatures {
		return d.Features
	}
	return append([]string{"default"}, d.Features...)
}
