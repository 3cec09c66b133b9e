// Command fromjsonl makes a registry from a dependency graph in neutral JSON lines, so that scenarios and benchmarks of
// others can be run against this resolver.
//
//	go run ./tools/fromjsonl [--archives] [--id ID] IN.jsonl[.gz] DIR
//	gal-pkg lock --registry file:///absolute/path/of/DIR
//
// One line of the input is one version:
//
//	{"name":"mailbox","version":"1.2.0",
//	 "deps":[{"name":"retry","req":"^1","kind":"normal","optional":false,"features":[],"default_features":true}],
//	 "features":{"default":["std"],"std":[]},
//	 "yanked":true,"published":1668209837,"links":"z","gal_version":"1.2","path":"mailbox-1.2.0"}
//
// The members of the last row can be left out; a member that is not listed is an error. Kind is normal, build or dev.
// The lines of one package stand together. What a dependency names need not be there.
//
// DIR must be new or empty; DIR/public becomes the published tree, which is made as a registry's own build makes it: every
// line is signed by one throwaway publisher and stamped with the time of `published`, and a yank line follows a version
// that is yanked. Its metadata counts for twenty years, since nobody keeps the keys. Dependencies of kind dev stay out of the lines, as always. Without --archives there are none, and
// sizes and checksums are made up. With it, the folder that `path` names, relative to the input, is packed; a gal.toml is
// made where it has none, and where there is no path the archive holds nothing else.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	archives := flag.Bool("archives", false, "pack the folders that the lines name")
	id := flag.String("id", "fromjsonl", "the registry's id")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: fromjsonl [--archives] [--id ID] IN.jsonl[.gz] DIR")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	counts, err := convert(ctx, flag.Arg(0), flag.Arg(1), options{id: *id, archives: *archives})
	if err != nil {
		fmt.Fprintln(os.Stderr, "fromjsonl:", err)
		stop()
		os.Exit(1)
	}
	fmt.Fprintf(os.Stderr, "%d packages, %d versions, %d yanked\n", counts.packages, counts.versions, counts.yanked)
}
