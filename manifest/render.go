package manifest

import (
	"fmt"
	"strconv"
	"strings"
)

// tomlKey writes one part of a key: bare where it can be.
func tomlKey(name string) string {
	if name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == "" {
		return name
	}
	return tomlString(name)
}

// tomlPath writes a dotted key.
func tomlPath(parts []string) string {
	keys := make([]string, len(parts))
	for i, p := range parts {
		keys[i] = tomlKey(p)
	}
	return strings.Join(keys, ".")
}

// tomlString writes a basic string.
func tomlString(text string) string { return string(appendTOMLString(nil, text)) }

func appendTOMLString(b []byte, text string) []byte {
	b = append(b, '"')
	plain := 0 // what is not appended yet begins here
	for i := range len(text) {
		c := text[i]
		if c >= 0x20 && c != '"' && c != '\\' && c != 0x7f {
			continue
		}
		b = append(b, text[plain:i]...)
		plain = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = fmt.Appendf(b, `\u%04X`, c)
		}
	}
	return append(append(b, text[plain:]...), '"')
}

// field is one key of an inline table.
type field struct {
	key   string
	value any
}

// tomlValue writes a string, bool, int64, list of strings, or an inline table of fields.
func tomlValue(v any) string {
	switch v := v.(type) {
	case string:
		return tomlString(v)
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = tomlValue(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case []field:
		items := make([]string, len(v))
		for i, f := range v {
			items[i] = tomlKey(f.key) + " = " + tomlValue(f.value)
		}
		if len(items) == 0 {
			return "{}"
		}
		return "{ " + strings.Join(items, ", ") + " }"
	}
	panic(fmt.Sprintf("manifest: no TOML form for %T", v)) // normalize lets nothing else through
}

// normalize turns what callers pass into the types of a parsed document, and fields; false for what has no form.
func normalize(v any) (any, bool) {
	switch v := v.(type) {
	case string, bool, int64:
		return v, true
	case int:
		return int64(v), true
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return list, true
	case []field:
		return v, true
	}
	return nil, false
}

// meaning is a normalized value as [plain] would return it after a parse.
func meaning(v any) any {
	fields, ok := v.([]field)
	if !ok {
		return v
	}
	m := make(map[string]any, len(fields))
	for _, f := range fields {
		m[f.key] = meaning(f.value)
	}
	return m
}

// fields returns what a spec says beyond its defaults, in the order of the package comment.
func (s DependencySpec) fields() []field {
	var fs []field
	add := func(key string, value any, there bool) {
		if there {
			v, _ := normalize(value)
			fs = append(fs, field{key, v})
		}
	}
	add("workspace", true, s.Workspace)
	add("version", s.Requirement.String(), !s.Requirement.IsZero())
	add("package", s.Package, s.Package != "")
	add("registry", s.Registry, s.Registry != "")
	add("path", s.Path, s.Path != "")
	add("git", s.Git, s.Git != "")
	add("tag", s.Tag, s.Tag != "")
	add("branch", s.Branch, s.Branch != "")
	add("rev", s.Rev, s.Rev != "")
	add("features", s.Features, len(s.Features) > 0)
	add("default-features", false, !s.DefaultFeatures && !s.Workspace)
	add("optional", true, s.Optional)
	return fs
}

// value is the shortest way to write a spec: a requirement alone, or an inline table.
func (s DependencySpec) value() any {
	fs := s.fields()
	if len(fs) == 1 && fs[0].key == "version" {
		return fs[0].value
	}
	return fs
}
