package main

import (
	"testing"

	"github.com/alecthomas/kong"
)

// What may stand before a command is counted as the grammar does it, and the flags of every command are there.
func TestLeading(t *testing.T) {
	var g globals
	parser, err := kong.New(&g)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"-vv": true}
	for _, f := range parser.Model.Flags {
		if f.Name == "help" {
			continue
		}
		want := 2
		if f.IsBool() || f.IsCounter() {
			want = 1
		}
		names := []string{"--" + f.Name}
		if f.Short != 0 {
			names = append(names, "-"+string(f.Short))
		}
		for _, name := range names {
			known[name] = true
			if got := leading[name]; got != want {
				t.Errorf("%s is counted as %d arguments, and is %d", name, got, want)
			}
		}
	}
	for name := range leading {
		if !known[name] {
			t.Errorf("there is no flag %s", name)
		}
	}
}

func TestCommandIn(t *testing.T) {
	for _, row := range []struct {
		args []string
		want string // "" for the whole grammar
	}{
		{[]string{"install", "--locked"}, "install"},
		{[]string{"-C", "desk", "-q", "rm", "a"}, "remove"},
		{[]string{"--chaos", "tree", "registry", "list"}, "registry"},
		{[]string{"--registry", "install", "--help"}, ""},
		{[]string{"--registry=install", "tree"}, ""},
		{[]string{"--help", "tree"}, ""},
		{[]string{"--", "tree"}, ""},
		{[]string{"instal", "tree"}, ""},
		{[]string{"help", "tree"}, ""},
		{[]string{"-C"}, ""},
		{nil, ""},
	} {
		field, ok := commandIn(row.args)
		if ok != (row.want != "") || ok && field.name() != row.want {
			t.Errorf("%q: %v, %v; want %q", row.args, ok, field.Name, row.want)
		}
	}
}
