package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// system is what the program sees of the world.
type system struct {
	stdout, stderr io.Writer
	now            func() time.Time
	env            func(string) string
}

// globals are the flags of every command.
type globals struct {
	Format string `enum:"text,json" default:"text" help:"Print results as text or json; GAL_FORMAT does so too."`
	Quiet  bool   `short:"q" help:"Print errors only."`
}

type cli struct {
	globals
	VersionFlag bool `name:"version" short:"V" help:"Print the version and exit."`

	Init      initCmd      `cmd:"" help:"Make a registry in a new folder."`
	Serve     serveCmd     `cmd:"" help:"Serve a registry's folder on one port."`
	Gate      gateCmd      `cmd:"" help:"Judge the open proposals, and merge those that pass."`
	Build     buildCmd     `cmd:"" help:"Bring the published tree up to branch main."`
	Refresh   refreshCmd   `cmd:"" help:"Sign anew that what is published is current; once a day."`
	Verify    verifyCmd    `cmd:"" help:"Hold a published tree against its metadata, signatures and log."`
	Mirror    mirrorCmd    `cmd:"" help:"Keep a copy of a registry, whole or in part, as a folder or one file."`
	Root      rootCmd      `cmd:"" help:"Show or replace the keys that clients trust."`
	Recover   recoverCmd   `cmd:"" help:"Help publishers who have lost their keys, with the root keys."`
	Yank      yankCmd      `cmd:"" help:"Take a version out of new resolutions, as the registry."`
	Deprecate deprecateCmd `cmd:"" help:"Advise against a package, as the registry."`
	Token     tokenCmd     `cmd:"" help:"Let people upload and push."`
	Signers   signersCmd   `cmd:"" help:"Print the keys that sign the commits of main."`
	Version   versionCmd   `cmd:"" help:"Print version and formats."`
	Help      helpCmd      `cmd:"" help:"Explain a command or a topic."`
}

// app is what a command runs with.
type app struct {
	*cmdline.Printer
	ctx context.Context
	now func() time.Time
}

// exited carries the exit code of kong's own flags, such as --help, out of the parser.
type exited int

// run is the whole program: it returns the exit code.
func run(ctx context.Context, args []string, sys system) (code int) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exited:
			code = int(e)
		default:
			panic(e)
		}
	}()
	var c cli
	parser, err := newParser(&c, sys)
	if err != nil {
		fmt.Fprintln(sys.stderr, err)
		return cmdline.ExitInternal
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	if len(args) == 1 && (args[0] == "--version" || args[0] == "-V") {
		fmt.Fprintln(sys.stdout, "gal-registry", programVersion)
		return cmdline.ExitOK
	}
	k, err := parser.Parse(args)
	a := &app{
		Printer: &cmdline.Printer{Program: "gal-registry", Stdout: sys.stdout, Stderr: sys.stderr, JSON: c.Format == "json", Quiet: c.Quiet},
		ctx:     ctx, now: sys.now,
	}
	if err != nil {
		a.JSON = cmdline.AsksForJSON(args, sys.env("GAL_FORMAT"))
		a.Fail("usage", usageError(err))
		return cmdline.ExitUsage
	}
	if err := cmdline.DiskFault(k.Run(a)); err != nil {
		return a.ended(strings.Fields(k.Command())[0], err)
	}
	return cmdline.ExitOK
}

func newParser(c *cli, sys system) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("gal-registry"), kong.Description("Makes and runs registries of GAL packages."),
		kong.Writers(sys.stdout, sys.stderr), kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Resolvers(environment(sys.env)),
	)
}

// environment gives --format the value of GAL_FORMAT where the command line does not. A variable that is empty is not set.
func environment(env func(string) string) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
		text := env("GAL_FORMAT")
		switch {
		case parent.App == nil || flag.Name != "format" || text == "":
			return nil, nil
		case !flag.EnumMap()[text]:
			return nil, fmt.Errorf("GAL_FORMAT is %q; it is one of %s", text, strings.Join(flag.EnumSlice(), ", "))
		}
		return text, nil
	})
}

// ended turns the error of a command into what is printed and the exit code.
func (a *app) ended(command string, err error) int {
	code := cmdline.ExitCode(err)
	switch {
	case code == cmdline.ExitInterrupt:
		code = cmdline.InterruptCode(a.ctx)
		a.Fail(command, fault.New(fault.Cancelled, "interrupted", "interrupted; the next run finishes what was begun"))
	case code == cmdline.ExitPipe, errors.Is(err, errQuiet):
	default:
		a.Fail(command, err)
	}
	return code
}

// errQuiet is wrapped by errors of which everything has been printed already.
var errQuiet = errors.New("already said")

// negative is the error of a command that has printed its findings and answers no.
func negative() error {
	return fault.New(fault.Negative, "negative", "the answer is no").Because(errQuiet)
}

// usageError points to the help of the command, as far as one was named.
func usageError(err error) error {
	words := []string{"gal-registry"}
	if parsed := (*kong.ParseError)(nil); errors.As(err, &parsed) {
		for _, step := range parsed.Context.Path {
			if step.Command != nil {
				words = append(words, step.Command.Name)
			}
		}
	}
	return fault.New(fault.Usage, "usage", "%v", err).WithHelp("%s --help", strings.Join(words, " "))
}
