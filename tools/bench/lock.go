package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/geeknik/gal-pkg/tools/bench/graph"
	"github.com/geeknik/gal-pkg/tools/bench/universe"
	"github.com/geeknik/gal-pkg/tools/bench/world"
)

// direct is how many dependencies the root of lock has.
const direct = 600

// lock races gal-pkg and cargo at choosing versions from what they have in their caches, in a registry that is like those
// of whole languages.
func (b *bench) lock(ctx context.Context) error {
	packages, roots := b.packages, direct
	if b.small {
		packages, roots = 300, 30
	}
	w := world.New(seed, world.Shape{Packages: packages, Versions: 10 * packages})
	dir, public, err := b.renderWorld(ctx, w)
	if err != nil {
		return err
	}
	root := w.Direct(roots)
	gal, err := newGal(ctx, b, "gal-pkg", b.host.Add("gal", public), root)
	if err != nil {
		return err
	}
	cargo, err := newCargo(ctx, b, b.host.Add(universe.CargoDir, filepath.Join(dir, universe.CargoDir)), root)
	if err != nil {
		return err
	}
	title := fmt.Sprintf("%d packages, %d versions, %d direct dependencies", packages, 10*packages, roots)
	if err := b.locking(ctx, title, gal, cargo); err != nil {
		return err
	}
	return b.searching(ctx, title, gal, root[len(root)/2].Name)
}

func (b *bench) locking(ctx context.Context, title string, gal, cargo *tool) error {
	racers := []racer{{gal, []string{"lock", "-q", "--offline"}, []string{"lock", "-q", "--offline"}}}
	if err := gal.run(ctx, "lock", "-q"); err != nil {
		return err
	}
	if cargo != nil {
		racers = append(racers, racer{cargo, []string{"generate-lockfile", "--quiet", "--offline"}, []string{"update", "--workspace", "--locked", "--quiet", "--offline"}})
		if err := cargo.run(ctx, "generate-lockfile", "--quiet"); err != nil {
			return err
		}
	}
	var choose, check []contestant
	for _, r := range racers {
		locked, err := r.locked()
		if err != nil {
			return err
		}
		b.report.say("%s of %s names %d packages", r.lock[0], r.name, locked)
		clear := func(context.Context) error { return errors.Join(r.clearLock(), r.clearOutput()) }
		same := func() error {
			now, err := r.locked()
			if err == nil && now != locked {
				err = fmt.Errorf("%s names %d packages, %d before", r.lock[0], now, locked)
			}
			return err
		}
		choose = append(choose, contestant{name: r.name, base: r.peer, prepare: clear, command: r.command(r.choose...), check: same})
		check = append(check, contestant{name: r.name, base: r.peer, command: r.command(r.check...), check: same})
	}
	if err := b.race(ctx, "lock: choose versions, "+title, b.rounds, choose); err != nil {
		return err
	}
	return b.race(ctx, "lock: it is right, "+title, b.rounds, check)
}

// racer is a tool with the arguments that choose versions anew, and those that find that a lock is right.
type racer struct {
	*tool
	choose, check []string
}

// locked is the number of packages that a lock names; gal.lock and Cargo.lock have a table for each.
func (r racer) locked() (int, error) {
	data, err := os.ReadFile(r.path("project", r.lock[0]))
	return bytes.Count(data, []byte("\n[[package")), err
}

// searching measures a search in a catalogue that was read before.
func (b *bench) searching(ctx context.Context, title string, gal *tool, word string) error {
	if err := gal.run(ctx, "search", word); err != nil {
		return err
	}
	return b.race(ctx, "search: offline, "+title, b.rounds, []contestant{{name: gal.name, command: gal.command("search", "--offline", word)}})
}

// renderWorld writes a world as neutral lines and as a Cargo registry, and makes a GAL registry of it.
func (b *bench) renderWorld(ctx context.Context, w *world.World) (dir, public string, err error) {
	name, key := fmt.Sprintf("world-%d", w.Len()), fmt.Sprintf("1 %d", seed) // 1 is to be changed with what the code makes of these
	dir, err = b.once(name, key, func(dir string) error {
		if err := writeLines(filepath.Join(dir, "packages.jsonl"), w.Len(), w.Package); err != nil {
			return err
		}
		for i := range w.Len() {
			if err := writeCargo(filepath.Join(dir, universe.CargoDir), w.Package(i)); err != nil {
				return err
			}
		}
		config := fmt.Sprintf(`{"dl":%q}`, universe.HostMark+"/nothing")
		return os.WriteFile(filepath.Join(dir, universe.CargoDir, "config.json"), []byte(config), 0o644)
	})
	if err != nil {
		return "", "", err
	}
	public, err = b.registry(ctx, name+"-gal", key, filepath.Join(dir, "packages.jsonl"))
	return dir, public, err
}

// writeLines writes packages as neutral lines.
func writeLines(path string, count int, pkg func(int) graph.Package) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriterSize(file, 1<<20)
	var lines []byte
	for i := range count {
		p := pkg(i)
		if lines, err = p.Neutral(lines[:0]); err != nil {
			return err
		}
		if _, err := out.Write(lines); err != nil {
			return err
		}
	}
	return out.Flush()
}

func writeCargo(dir string, p graph.Package) error {
	data, err := p.Cargo(nil)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, filepath.FromSlash(graph.CargoPath(p.Name)))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
