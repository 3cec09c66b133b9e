// Command layers holds the packages of this module to the layers that its design gives them: imports point down.
//
//	go run ./tools/layers [DIR]
//
// It reads the import clauses of every Go file below DIR (by default the working directory) that is not a test, and says
// of each import that breaks a rule which rule that is and why there is one. Tests may import what they like.
package main

import (
	"fmt"
	"os"
)

func main() {
	dir := "."
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	violations, err := check(os.DirFS(dir))
	if err != nil {
		fmt.Fprintln(os.Stderr, "layers:", err)
		os.Exit(2)
	}
	for _, v := range violations {
		fmt.Fprintln(os.Stderr, v)
	}
	if len(violations) > 0 {
		os.Exit(1)
	}
}
