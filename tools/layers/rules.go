package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// layer is a folder of the module, with all below it.
type layer struct {
	folder string
	may    []string // folders of this module that it may import, besides itself
	not    []string // packages of the standard library that it may not import; net/url and the like are others than net
	why    string
}

// leaves are the small packages that know nothing of this field; every layer may use them.
var leaves = []string{"internal/fault", "internal/atomicfile", "internal/alphabet", "internal/failpoint", "internal/filelock", "internal/workqueue"}

// layers returns the layers, the lowest first. The first whose folder holds a package is the one that it is in.
func layers() []layer {
	network := []string{"net", "net/http", "os/exec"}
	formats := []string{"version", "manifest", "sign"}
	below := append(slices.Clone(formats), "index", "resolve", "fetch")
	tools := append(slices.Clone(below), "scan", "publish", "internal/gitrepo", "internal/githttp", "internal/tarfile", "internal/web")
	return []layer{
		{"internal/fault", nil, []string{"os", "net", "net/http"}, "the shape of errors is known by everything, so it knows nothing"},
		{"internal/alphabet", nil, []string{"os", "net", "net/http"}, "it knows characters, and nothing of what they spell"},
		{"internal/failpoint", nil, network, "it has names for steps, and takes none itself"},
		{"internal/filelock", nil, network, "it locks files, and does not know what for"},
		{"internal/workqueue", nil, append([]string{"os"}, network...), "it calls a function, and does not know what that does"},
		{"internal/atomicfile", nil, network, "it writes files and knows no format"},
		{"internal/tarfile", leaves, network, "it reads tars in place, and does not know what is in them"},
		{"internal/metrics", leaves, network, "it keeps numbers, and does not know what was counted"},
		{"internal/cmdline", leaves, network, "it prints, and does not know what"},
		{"internal/needs", nil, nil, "it is for tests, and knows nothing of what they test"},
		{"internal/gitrepo/gittest", []string{"internal/gitrepo"}, nil, "it runs the real git for tests"},
		{"internal/gitrepo", leaves, network, "it reads and writes repositories, and does not know what is in them"},
		{"internal/githttp", append([]string{"internal/gitrepo"}, leaves...), nil, "it serves any repository"},
		{"internal/keyless/server", []string{"internal/keyless", "sign"}, nil, "it is what a program of its own does"},
		{"internal/keyless", []string{"sign"}, []string{"net", "net/http"}, "it asks another program, and knows no network"},
		{"internal/web", leaves, nil, "it speaks HTTP for others, and does not know what they ask for"},

		{"version", nil, []string{"os", "net", "net/http", "os/exec"}, "versions are pure: everything else compares them"},
		{"manifest", []string{"version"}, network, "manifests are files; what they name is looked up by others"},
		{"sign/tuf", []string{"sign"}, append([]string{"os"}, network...), "metadata is bytes and a time; who fetches and stores it is above"},
		{"sign/keyless", []string{"sign"}, []string{"os", "net", "os/exec"}, "whom it asks, and over which client, is handed in"},
		{"sign", nil, network, "keys know no network and no registry, only bytes"},
		{"index/listing", []string{"version"}, append([]string{"os"}, network...), "it knows lists, and neither who fetches them nor what the files are"},
		{"index", append([]string{"internal/gitrepo", "internal/tarfile", "internal/web"}, formats...), nil, "the registry's files do not know who resolves or downloads"},
		{"resolve", []string{"version"}, []string{"os", "net", "net/http", "os/exec", "path/filepath"},
			"resolving is a pure function: whoever wires it hands it packages through a small interface"},
		{"fetch", append([]string{"internal/tarfile", "internal/web"}, formats...), nil, "what is downloaded is known by its digest, not by the registry that named it"},
		{"scan", below, nil, "it judges what packages are, and publishes nothing"},
		{"publish", append([]string{"scan", "internal/web", "internal/gitrepo"}, below...), nil, "it is between the formats and the programs"},

		{"internal/chaos", []string{"manifest"}, []string{"os/exec"}, "it spoils what passes through it, and does not know what that is"},
		{"internal/settings", append([]string{"internal/web", "index"}, formats...), nil, "the user's files are below the programs"},
		{"internal/remote", append([]string{"internal/keyless", "internal/tarfile", "internal/web", "internal/settings"}, below...), nil, "it wires registries for programs"},
		{"internal/desk", append([]string{"internal/web", "internal/remote", "publish", "tools/build", "tools/gate", "tools/site", "scan"}, below...), nil, "it joins an author with a registry and its gate, for programs"},
		{"internal/project", append([]string{"internal/web", "internal/settings", "internal/remote", "publish", "scan"}, below...), nil, "it wires a project for programs"},

		{"internal/doctor", append([]string{"internal/cmdline", "internal/web", "internal/settings", "internal/remote", "internal/project"}, below...), nil,
			"it looks at all of this for a program, and changes nothing"},

		{"tools", append([]string{"tools"}, tools...), nil, "a registry's operator has no project and no user's settings"},
		{"cmd", append([]string{"publish", "scan", "tools", "internal"}, below...), nil, "programs are on top: they import everything, and nothing imports them"},
	}
}

// violation is an import that breaks a rule.
type violation struct{ file, imports, rule, why string }

func (v violation) String() string {
	return fmt.Sprintf("%s imports %s\n   rule   %s\n   reason %s", v.file, v.imports, v.rule, v.why)
}

// check reads every package of a module and returns what breaks a rule, in the order of the files.
func check(root fs.FS) ([]violation, error) {
	mod, err := fs.ReadFile(root, "go.mod")
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(string(mod), "\n")
	module := strings.TrimSpace(strings.TrimPrefix(first, "module "))
	var found []violation
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || len(entry.Name()) > 1 && strings.HasPrefix(entry.Name(), ".")):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		list, err := checkFile(root, module, name)
		found = append(found, list...)
		return err
	})
	return found, err
}

func checkFile(root fs.FS, module, name string) ([]violation, error) {
	source, err := fs.ReadFile(root, name)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	in, ok := layerOf(path.Dir(name))
	if !ok {
		return []violation{{name, "", "every package is in a layer", "a package that the design does not place can end up anywhere; add it to tools/layers"}}, nil
	}
	var found []violation
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		if rule := in.against(module, imported); rule != "" {
			found = append(found, violation{name, imported, rule, in.why})
		}
	}
	return found, nil
}

func layerOf(folder string) (layer, bool) {
	for _, l := range layers() {
		if inside(folder, l.folder) {
			return l, true
		}
	}
	return layer{}, false
}

// against returns the rule that an import breaks, "" where it breaks none.
func (l layer) against(module, imported string) string {
	folder, ours := strings.CutPrefix(imported, module+"/")
	if !ours {
		if slices.Contains(l.not, imported) {
			return fmt.Sprintf("%s does not import %s", l.folder, strings.Join(l.not, ", "))
		}
		return ""
	}
	allowed := append(append([]string{l.folder}, leaves...), l.may...)
	if slices.ContainsFunc(allowed, func(a string) bool { return inside(folder, a) }) {
		return ""
	}
	may := strings.Join(l.may, ", ")
	if may == "" {
		may = "nothing of this module but small leaves"
	}
	return fmt.Sprintf("%s imports %s", l.folder, may)
}

func inside(folder, of string) bool { return folder == of || strings.HasPrefix(folder, of+"/") }
