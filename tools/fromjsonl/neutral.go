package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

// neutral is one line of the input.
type neutral struct {
	Name       string              `json:"name"`
	Version    string              `json:"version"`
	Deps       []neutralDependency `json:"deps"`
	Features   map[string][]string `json:"features"`
	Yanked     bool                `json:"yanked"`
	Published  *int64              `json:"published"` // Unix seconds
	Links      string              `json:"links"`
	GalVersion string              `json:"gal_version"`
	Path       string              `json:"path"`

	number int // of the line in the input
}

type neutralDependency struct {
	Name            string   `json:"name"`
	Req             string   `json:"req"`
	Kind            string   `json:"kind"`
	Optional        bool     `json:"optional"`
	Features        []string `json:"features"`
	DefaultFeatures *bool    `json:"default_features"`
}

// unpublished is the stamp of versions that do not say when they were published, and of the publisher.
var unpublished = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func (n *neutral) at() time.Time {
	if n.Published == nil {
		return unpublished
	}
	return time.Unix(*n.Published, 0).UTC()
}

func (n *neutral) failf(format string, args ...any) error {
	return fmt.Errorf("line %d (%s %s): %w", n.number, n.Name, n.Version, fmt.Errorf(format, args...))
}

// maxInput bounds a line of the input.
const maxInput = 1 << 20

// readPackages calls each with the versions of one package after the other, in the order of their publication. A file
// of which the lines of a package do not stand together is refused: it would have to be held in memory whole.
func readPackages(in io.Reader, each func([]*neutral) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxInput)
	seen := map[string]string{} // path key -> name
	var open []*neutral
	flush := func() error {
		if len(open) == 0 {
			return nil
		}
		slices.SortStableFunc(open, func(a, b *neutral) int { return a.at().Compare(b.at()) })
		err := each(open)
		open = nil
		return err
	}
	for number := 1; lines.Scan(); number++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		n, err := parseNeutral(lines.Bytes(), number)
		if err != nil {
			return err
		}
		if len(open) > 0 && open[0].Name != n.Name {
			if err := flush(); err != nil {
				return err
			}
		}
		if len(open) == 0 {
			if other, ok := seen[manifest.Key(n.Name)]; ok {
				return n.failf("there were lines of %q before, and of others since; the lines of a package stand together", other)
			}
			seen[manifest.Key(n.Name)] = n.Name
		}
		open = append(open, n)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return flush()
}

func parseNeutral(line []byte, number int) (*neutral, error) {
	n := &neutral{number: number}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(n); err != nil {
		return nil, fmt.Errorf("line %d: %w", number, err)
	}
	if d.More() {
		return nil, fmt.Errorf("line %d: something stands behind the object", number)
	}
	return n, manifest.CheckName(n.Name)
}

// reader turns neutral values into those of a registry. It remembers the requirements that it has parsed, and is not for
// use by several goroutines at once.
type reader struct {
	requirements map[string]version.Requirement
}

func newReader() reader { return reader{map[string]version.Requirement{}} }

func (r *reader) requirement(text string) (version.Requirement, error) {
	if known, ok := r.requirements[text]; ok {
		return known, nil
	}
	parsed, err := version.ParseRequirement(text)
	if err == nil {
		r.requirements[text] = parsed
	}
	return parsed, err
}

// publish returns what the line of a version says, but for its archive.
func (r *reader) publish(n *neutral) (*index.Publish, error) {
	v, err := version.Parse(n.Version)
	if err == nil && v.Build() != "" {
		err = errors.New("a registry keeps no build metadata")
	}
	if err != nil {
		return nil, n.failf("%w", err)
	}
	p := &index.Publish{Version: v, Features: n.Features, Links: n.Links, GalVersion: padded(n.GalVersion)}
	if _, err := version.Parse(p.GalVersion); err != nil && p.GalVersion != "" {
		return nil, n.failf("gal_version: %w", err)
	}
	for name, list := range p.Features {
		if list == nil {
			p.Features[name] = []string{}
		}
	}
	for _, d := range n.Deps {
		dep, err := r.dependency(d)
		if err != nil {
			return nil, n.failf("dependency %q: %w", d.Name, err)
		}
		if d.Kind != "dev" {
			p.Dependencies = append(p.Dependencies, dep)
		}
	}
	index.SortDependencies(p.Dependencies)
	return p, nil
}

func (r *reader) dependency(d neutralDependency) (index.Dependency, error) {
	out := index.Dependency{Name: d.Name, Features: d.Features, Optional: d.Optional}
	out.NoDefault = d.DefaultFeatures != nil && !*d.DefaultFeatures
	var err error
	out.Requirement, err = r.requirement(d.Req)
	switch d.Kind {
	case "", "normal", "dev":
	case "build":
		out.Kind = "build"
	default:
		return out, fmt.Errorf("kind %q is not normal, build or dev", d.Kind)
	}
	return out, err
}

// padded writes a toolchain version with three numbers.
func padded(v string) string {
	if v == "" {
		return ""
	}
	for strings.Count(v, ".") < 2 {
		v += ".0"
	}
	return v
}
