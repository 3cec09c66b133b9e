package main

import (
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// parse reads the command line. To build the grammar of every command takes longer than most of them run, so first it is
// that of the one command which the arguments seem to name; where they do not fit it, it is the whole grammar that says
// what they are, or what is wrong with them.
func parse(args []string, sys system) (*cli, *kong.Context, error) {
	if field, ok := commandIn(args); ok {
		c := new(cli)
		k, err := parseWith(args, sys, &c.globals, field.command(c))
		if err == nil {
			return c, k, nil
		}
	}
	c := new(cli)
	k, err := parseWith(args, sys, c)
	return c, k, err
}

func parseWith(args []string, sys system, grammar any, more ...kong.Option) (*kong.Context, error) {
	parser, err := kong.New(grammar, append(more,
		kong.Name("gal-pkg"), kong.Description("The package manager of the GAL language."),
		kong.Writers(sys.stdout, sys.stderr), kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "project", Title: "In a project:"}, {Key: "registry", Title: "In a registry:"},
			{Key: "publish", Title: "Publishing:"}, {Key: "user", Title: "For you:"},
		}),
		kong.Vars{"version": programVersion},
		kong.Resolvers(environment(sys.env)),
	)...)
	if err != nil {
		return nil, err
	}
	return parser.Parse(args)
}

// commandField is a field of cli that is a command.
type commandField struct{ reflect.StructField }

// needAll are commands that speak of all the others.
var needAll = []string{"help", "completion"}

// leading are the flags that usually stand before a command, and how many arguments each is.
var leading = map[string]int{
	"-C": 2, "--directory": 2, "--manifest-path": 2, "--registry": 2, "--format": 2, "--color": 2, "--jobs": 2, "--chaos": 2,
	"-q": 1, "--quiet": 1, "-v": 1, "-vv": 1, "--verbose": 1, "-y": 1, "--yes": 1,
	"--offline": 1, "--locked": 1, "--frozen": 1, "--no-progress": 1, "--no-input": 1,
}

// commandIn finds the command that the arguments name. It may stand behind flags, but not behind what could be anything:
// --help prints what the grammar has, so one that lacks a command must not be taken by mistake.
func commandIn(args []string) (commandField, bool) {
	for len(args) > 0 && leading[args[0]] > 0 {
		args = args[min(leading[args[0]], len(args)):]
	}
	if len(args) == 0 || slices.Contains(needAll, args[0]) {
		return commandField{}, false
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[cli]()) {
		if field := (commandField{f}); field.isNamed(args[0]) {
			return field, true
		}
	}
	return commandField{}, false
}

func (f commandField) name() string {
	if name := f.Tag.Get("name"); name != "" {
		return name
	}
	return strings.ToLower(f.Name)
}

func (f commandField) isNamed(word string) bool {
	_, command := f.Tag.Lookup("cmd")
	return command && (f.name() == word || slices.Contains(strings.Split(f.Tag.Get("aliases"), ","), word))
}

// command makes the field of c a command of a grammar that has none.
func (f commandField) command(c *cli) kong.Option {
	var tags []string
	if aliases := f.Tag.Get("aliases"); aliases != "" {
		tags = append(tags, `aliases:"`+aliases+`"`)
	}
	value := reflect.ValueOf(c).Elem().FieldByIndex(f.Index).Addr().Interface()
	return kong.DynamicCommand(f.name(), f.Tag.Get("help"), f.Tag.Get("group"), value, tags...)
}
