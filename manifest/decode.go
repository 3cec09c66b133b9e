package manifest

import (
	"github.com/BurntSushi/toml"
)

// DecodeTOML reads the TOML of a configuration file into a struct, behind the same limits on size and depth as a
// manifest. It returns the keys that the struct does not know, as written, in the order of the file; whether those are
// an error is the caller's to say. Errors are [Problems].
func DecodeTOML(path string, data []byte, maxBytes int, into any) (unknown []string, err error) {
	l := manifestLimits
	l.bytes = maxBytes
	d, problem := parseDocument(page{path, data}, l)
	if problem != nil {
		return nil, Problems{*problem}
	}
	meta, err := toml.Decode(string(data), into)
	if err != nil {
		return nil, Problems{d.decodeProblem(err)}
	}
	for _, key := range meta.Undecoded() {
		unknown = append(unknown, key.String())
	}
	return unknown, nil
}
