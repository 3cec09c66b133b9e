package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/tools/bench/graph"
	"github.com/geeknik/gal-pkg/tools/bench/universe"
)

// manager makes a tool for a project with some dependencies, nil where its program is not there. Url is that of the
// registry in the tool's own form.
type manager func(ctx context.Context, b *bench, url string, root []graph.Dependency) (*tool, error)

const (
	rootName    = "bench-root"
	rootVersion = "0.1.0"
)

// newGal makes a gal-pkg that knows the registry; env is more of its environment.
func newGal(ctx context.Context, b *bench, name, url string, root []graph.Dependency, env ...string) (*tool, error) {
	t := b.newTool(name, b.gal)
	t.env = append(append(t.env, env...), "GAL_CONFIG_DIR="+t.path("home", "gal"), "GAL_CACHE_DIR="+t.path("cache", "gal"), "GAL_DATA_DIR="+t.path("cache", "gal-state"))
	t.files = map[string]string{"gal.toml": galManifest(root)}
	t.install, t.frozen, t.again = []string{"install", "-q"}, []string{"install", "-q", "--locked"}, []string{"install", "-q", "--locked"}
	t.lock, t.output = []string{"gal.lock"}, []string{".gal"}
	if err := t.begin(); err != nil {
		return nil, err
	}
	return t, t.run(ctx, "registry", "add", "bench", url, "--default", "--yes", "-q")
}

func galManifest(root []graph.Dependency) string {
	text := fmt.Sprintf("[package]\nname = %q\nversion = %q\n\n[dependencies]\n", rootName, rootVersion)
	for _, d := range root {
		text += fmt.Sprintf("%s = %q\n", d.Name, d.Requirement)
	}
	return text
}

func newBun(ctx context.Context, b *bench, url string, root []graph.Dependency) (*tool, error) {
	return b.npmTool(ctx, "bun", url, root, func(t *tool) {
		t.env = append(t.env, "BUN_INSTALL_CACHE_DIR="+t.path("cache", "bun"), "DO_NOT_TRACK=1")
		t.install = []string{"install", "--ignore-scripts", "--no-progress"}
		t.frozen = append(t.install, "--frozen-lockfile")
		t.again = t.frozen
		t.lock = []string{"bun.lock"}
	})
}

func newPnpm(ctx context.Context, b *bench, url string, root []graph.Dependency) (*tool, error) {
	return b.npmTool(ctx, "pnpm", url, root, func(t *tool) {
		t.env = append(t.env, "PNPM_HOME="+t.path("cache", "pnpm"))
		t.install = []string{"install", "--ignore-scripts", "--no-frozen-lockfile", "--store-dir=" + t.path("cache", "store")}
		t.frozen = []string{"install", "--ignore-scripts", "--frozen-lockfile", "--store-dir=" + t.path("cache", "store")}
		t.again = t.frozen
		t.lock = []string{"pnpm-lock.yaml"}
	})
}

func newNPM(ctx context.Context, b *bench, url string, root []graph.Dependency) (*tool, error) {
	return b.npmTool(ctx, "npm", url, root, func(t *tool) {
		t.env = append(t.env, "npm_config_cache="+t.path("cache", "npm"), "npm_config_update_notifier=false")
		quiet := []string{"--ignore-scripts", "--no-audit", "--no-fund"}
		t.install = append([]string{"install"}, quiet...)
		t.frozen = append([]string{"ci"}, quiet...)
		t.again = t.install // `npm ci` always begins with an empty folder
		t.lock = []string{"package-lock.json"}
	})
}

// npmTool makes a tool that reads npm registries.
func (b *bench) npmTool(ctx context.Context, name, url string, root []graph.Dependency, rest func(*tool)) (*tool, error) {
	program, err := b.look(ctx, name, "--version")
	if program == "" || err != nil {
		return nil, err
	}
	t := b.newTool(name, program)
	t.peer = true
	dependencies := map[string]string{}
	for _, d := range root {
		dependencies[d.Name] = d.Requirement
	}
	manifest, err := json.Marshal(map[string]any{"name": rootName, "version": rootVersion, "dependencies": dependencies})
	if err != nil {
		return nil, err
	}
	t.files = map[string]string{"package.json": string(manifest), ".npmrc": "registry=" + url + "/\n"}
	t.output = []string{"node_modules"}
	rest(t)
	return t, t.begin()
}

func newCargo(ctx context.Context, b *bench, url string, root []graph.Dependency) (*tool, error) {
	return cargoNamed(ctx, b, "cargo", url, root)
}

func cargoNamed(ctx context.Context, b *bench, name, url string, root []graph.Dependency, env ...string) (*tool, error) {
	program, err := b.look(ctx, "cargo", "--version")
	if program == "" || err != nil {
		return nil, err
	}
	t := b.newTool(name, program)
	t.env = append(t.env, env...)
	t.peer = true
	t.env = append(t.env, "CARGO_HOME="+t.path("cache", "cargo"), "CARGO_TERM_PROGRESS_WHEN=never",
		// Its rustc is beside it; the one on PATH may be a front that looks for a user's settings.
		"PATH="+filepath.Dir(program)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	manifest := fmt.Sprintf("[package]\nname = %q\nversion = %q\nedition = \"2021\"\n\n[lib]\npath = \"lib.rs\"\n\n[dependencies]\n", rootName, rootVersion)
	for _, d := range root {
		manifest += fmt.Sprintf("%s = %q\n", d.Name, d.Requirement)
	}
	t.files = map[string]string{
		"Cargo.toml": manifest, "lib.rs": "",
		".cargo/config.toml": fmt.Sprintf("[source.crates-io]\nreplace-with = \"bench\"\n\n[source.bench]\nregistry = \"sparse+%s/\"\n", url),
	}
	t.install, t.frozen = []string{"fetch", "--quiet"}, []string{"fetch", "--quiet", "--locked"}
	t.again = t.frozen
	t.lock = []string{"Cargo.lock"}
	return t, t.begin()
}

func newGo(ctx context.Context, b *bench, url string, root []graph.Dependency) (*tool, error) {
	program, err := b.look(ctx, "go", "version")
	if program == "" || err != nil {
		return nil, err
	}
	t := b.newTool("go", program)
	t.peer = true
	t.env = append(t.env,
		"GOPATH="+t.path("cache", "gopath"), "GOMODCACHE="+t.path("cache", "mod"), "GOCACHE="+t.path("cache", "build"),
		"GOPROXY="+url, "GOSUMDB=off", "GOTOOLCHAIN=local", "GOENV=off", "GOWORK=off", "GOFLAGS=-mod=mod")
	manifest := "module " + universe.ModulePath(rootName) + "\n\ngo 1.16\n\n"
	for _, d := range root {
		manifest += fmt.Sprintf("require %s v%s\n", universe.ModulePath(d.Name), strings.TrimPrefix(d.Requirement, "^"))
	}
	t.files = map[string]string{"go.mod": manifest}
	t.install = []string{"mod", "download", "all"}
	t.frozen, t.again = t.install, t.install
	t.lock = []string{"go.sum"}
	return t, t.begin()
}
