package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/tools/bench/operator"
	"github.com/geeknik/gal-pkg/tools/bench/universe"
)

// newGit makes real git that reads the files of a universe out of an index, and nothing else: the newest commit, without
// files, and then those that are wanted. It is what a program could do that leaves all of that to git. It verifies
// nothing.
func newGit(b *bench, name, program, url string, u *universe.Universe) (*tool, error) {
	t := b.newTool("git of "+name, program)
	t.program = "/bin/sh"
	t.env = append(t.env, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0")
	paths := "/" + index.PublisherPath(operator.AuthorID) + "\n"
	for _, p := range u.Packages {
		paths += "/" + index.PackagePath(p.Name) + "\n"
	}
	first := []string{
		fmt.Sprintf("git clone -q --depth=1 --filter=blob:none --no-checkout --single-branch --branch=dist %s clone", url),
		"cd clone", "git sparse-checkout set --no-cone --stdin < ../paths", "git checkout -q dist",
	}
	t.install = []string{"-c", strings.Join(first, " && ")}
	t.again = []string{"-c", "cd clone && git fetch -q --depth=1 origin dist && git checkout -q FETCH_HEAD"}
	t.files = map[string]string{"paths": paths}
	t.output = []string{"clone"}
	if _, err := os.Stat(t.program); err != nil {
		return nil, nil
	}
	return t, t.begin()
}
