package graph

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
)

type cargoVersion struct {
	Name     string              `json:"name"`
	Vers     string              `json:"vers"`
	Deps     []cargoDependency   `json:"deps"`
	Cksum    string              `json:"cksum"`
	Features map[string][]string `json:"features"`
	Yanked   bool                `json:"yanked"`
}

type cargoDependency struct {
	Name            string   `json:"name"`
	Req             string   `json:"req"`
	Features        []string `json:"features"`
	Optional        bool     `json:"optional"`
	DefaultFeatures bool     `json:"default_features"`
	Target          *string  `json:"target"`
	Kind            string   `json:"kind"`
}

// Cargo returns the file of a package in a Cargo index. Checksum gives the sha256 of a version's archive; where it is nil
// they are made up, and good for choosing versions only.
// The format: https://doc.rust-lang.org/cargo/reference/registry-index.html
func (p *Package) Cargo(checksum func(Number) [sha256.Size]byte) ([]byte, error) {
	if checksum == nil {
		checksum = func(n Number) [sha256.Size]byte { return sha256.Sum256([]byte(p.Name + " " + n.String())) }
	}
	var file []byte
	for _, v := range p.Versions {
		sum := checksum(v.Number)
		out := cargoVersion{
			Name: p.Name, Vers: v.Number.String(), Deps: []cargoDependency{}, Cksum: hex.EncodeToString(sum[:]),
			Features: v.Features, Yanked: v.Yanked,
		}
		if out.Features == nil {
			out.Features = map[string][]string{}
		}
		for _, d := range v.Dependencies {
			out.Deps = append(out.Deps, cargoDependency{
				Name: d.Name, Req: cargoRequirement(d.Requirement), Features: list(d.Features), Optional: d.Optional,
				DefaultFeatures: !d.NoDefault, Kind: d.Kind,
			})
		}
		line, err := json.Marshal(out)
		if err != nil {
			return nil, err
		}
		file = append(append(file, line...), '\n')
	}
	return file, nil
}

// cargoRequirement writes a caret that manifests may leave out: an index does not.
func cargoRequirement(requirement string) string {
	if requirement[0] >= '0' && requirement[0] <= '9' {
		return "^" + requirement
	}
	return requirement
}

// CargoPath is the path of a package's file in a Cargo index.
func CargoPath(name string) string {
	name = strings.ToLower(name)
	switch len(name) {
	case 1, 2:
		return string('0'+rune(len(name))) + "/" + name
	case 3:
		return "3/" + name[:1] + "/" + name
	}
	return name[:2] + "/" + name[2:4] + "/" + name
}
