package main

import "context"

// start races programs at saying their version. There is nothing but the start of a program in that, so there are more
// rounds.
func (b *bench) start(ctx context.Context) error {
	const more = 4
	gal := b.newTool("start", b.gal)
	if err := gal.begin(); err != nil {
		return err
	}
	contestants := []contestant{{name: "gal-pkg", command: gal.command("--version")}}
	for _, p := range []struct{ name, argument string }{
		{"bun", "--version"}, {"pnpm", "--version"}, {"npm", "--version"}, {"cargo", "--version"}, {"go", "version"},
	} {
		program, err := b.look(ctx, p.name, p.argument)
		if err != nil {
			return err
		}
		if program == "" {
			continue
		}
		command := gal.command(p.argument)
		command.Args[0] = program
		contestants = append(contestants, contestant{name: p.name, base: true, command: command})
	}
	return b.race(ctx, "start: say the version", more*b.rounds, contestants)
}
