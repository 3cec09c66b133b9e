package main

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

func TestThisModule(t *testing.T) {
	violations, err := check(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range violations {
		t.Error(v)
	}
}

func TestRules(t *testing.T) {
	const mod = "example.org/m"
	for _, test := range []struct {
		file, imports string
		want          string // part of the violation, "" for none
	}{
		{"version/v.go", "strings", ""},
		{"version/v.go", mod + "/internal/fault", ""},
		{"version/v.go", mod + "/manifest", "version imports nothing of this module"},
		{"version/v.go", "net/http", "version does not import"},
		{"version/v.go", "net/url", ""}, // only parses
		{"manifest/deep/m.go", mod + "/version", ""},
		{"manifest/m.go", mod + "/sign", "manifest imports version"},
		{"sign/translog/t.go", mod + "/sign/internal/keyfile", ""},
		{"sign/s.go", mod + "/version", "keys know no network"},
		{"index/i.go", mod + "/sign", ""},
		{"index/gitindex/i.go", mod + "/internal/gitrepo", ""},
		{"index/i.go", mod + "/resolve", "do not know who resolves"},
		{"resolve/r.go", mod + "/index", "a small interface"},
		{"resolve/r.go", mod + "/manifest", "a small interface"},
		{"resolve/r.go", "os", "resolve does not import"},
		{"resolve/r_test.go", mod + "/index", ""}, // tests may
		{"resolve/testdata/r.go", mod + "/index", ""},
		{"fetch/archive/a.go", mod + "/manifest", ""},
		{"fetch/cache/a.go", mod + "/index", "known by its digest"},
		{"publish/p.go", mod + "/fetch/archive", ""},
		{"publish/p.go", mod + "/tools/gate", "between the formats and the programs"},
		{"tools/gate/g.go", mod + "/publish", ""},
		{"tools/gate/g.go", mod + "/tools/build", ""},
		{"tools/gate/g.go", mod + "/internal/project", "no project"},
		{"tools/gate/g.go", mod + "/cmd/gal-pkg", "no project"},
		{"internal/web/w.go", mod + "/index", "does not know what they ask for"},
		{"internal/remote/r.go", mod + "/internal/project", "wires registries"},
		{"internal/project/p.go", mod + "/internal/remote", ""},
		{"index/i.go", mod + "/internal/remote", "index imports"},
		{"cmd/gal-pkg/main.go", mod + "/internal/project", ""},
		{"helpers/h.go", "fmt", "every package is in a layer"},
		{"internal/misc/h.go", "fmt", "every package is in a layer"},
	} {
		tree := fstest.MapFS{
			"go.mod":  {Data: []byte("module " + mod + "\n\ngo 1.26\n")},
			test.file: {Data: []byte("package p\n\nimport _ \"" + test.imports + "\"\n")},
		}
		violations, err := check(tree)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, v := range violations {
			got.WriteString(v.String())
		}
		if test.want == "" && got.Len() > 0 || !strings.Contains(got.String(), test.want) {
			t.Errorf("%s importing %s: %q, want %q", test.file, test.imports, got.String(), test.want)
		}
	}
}
