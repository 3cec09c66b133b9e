package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// system is what the program sees of the world.
type system struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(string) string
}

// globals are the flags of every command.
type globals struct {
	Directory    string `short:"C" placeholder:"DIR" help:"Run as if started in DIR."`
	ManifestPath string `placeholder:"FILE" help:"The gal.toml to work on."`
	Registry     string `placeholder:"NAME|URL" help:"Use this registry instead of the default one."`
	Offline      bool   `help:"Ask nothing of the network ($GAL_OFFLINE)."`
	Locked       bool   `help:"Fail if gal.lock would change ($GAL_LOCKED)."`
	Frozen       bool   `help:"Both --locked and --offline ($GAL_FROZEN)."`
	Format       string `enum:"text,json,prometheus" default:"text" help:"Print results as text or json; metrics also as prometheus."`
	Color        string `enum:"auto,always,never" default:"auto" help:"Colour messages: auto, always, never."`
	Quiet        bool   `short:"q" help:"Print errors only."`
	Verbose      int    `short:"v" type:"counter" help:"Say more; twice for everything."`
	NoProgress   bool   `help:"Show no progress ($GAL_NO_PROGRESS)."`
	Yes          bool   `short:"y" help:"Answer yes to every question."`
	NoInput      bool   `help:"Never ask; fail where a question would be needed ($GAL_NO_INPUT)."`
	Jobs         *int   `placeholder:"N" help:"Downloads at once, 1 to 256 (default 64)."`
	ChaosProfile string `name:"chaos" placeholder:"PROFILE" help:"Rehearse a bad day: inject the faults of a chaos profile of gal.toml into this run."`
}

type cli struct {
	globals

	Init     initCmd     `cmd:"" group:"project" help:"Make a new package."`
	Add      addCmd      `cmd:"" group:"project" help:"Add dependencies to gal.toml and lock them."`
	Remove   removeCmd   `cmd:"" aliases:"rm" group:"project" help:"Remove dependencies from gal.toml."`
	Install  installCmd  `cmd:"" aliases:"sync" group:"project" help:"Lock, download, verify and link the dependencies."`
	Update   updateCmd   `cmd:"" group:"project" help:"Move locked versions forward."`
	Lock     lockCmd     `cmd:"" group:"project" help:"Choose versions and write gal.lock."`
	Fetch    fetchCmd    `cmd:"" group:"project" help:"Download and verify what gal.lock names, and link nothing."`
	Vendor   vendorCmd   `cmd:"" group:"project" help:"Put the locked packages into a folder to build from without a network."`
	Tree     treeCmd     `cmd:"" group:"project" help:"Show the dependency tree."`
	Why      whyCmd      `cmd:"" group:"project" help:"Show what needs a package."`
	Outdated outdatedCmd `cmd:"" group:"project" help:"List the locked packages for which there is a newer version."`
	Check    checkCmd    `cmd:"" group:"project" help:"Look for mistakes in the package."`
	Verify   verifyCmd   `cmd:"" group:"project" help:"Check lock, signatures and store against each other again."`
	Metadata metadataCmd `cmd:"" group:"project" help:"Print the project and its graph for other programs."`
	Chaos    chaosCmd    `cmd:"" group:"project" help:"Show and check the chaos profiles."`

	Search searchCmd `cmd:"" group:"registry" help:"Search the registry."`
	Info   infoCmd   `cmd:"" group:"registry" help:"Show a package."`

	Package   packageCmd   `cmd:"" aliases:"pack" group:"publish" help:"Make the archive that would be published."`
	Publish   publishCmd   `cmd:"" group:"publish" help:"Propose the package to a registry."`
	Yank      yankCmd      `cmd:"" group:"publish" help:"Take a published version out of new resolutions."`
	Deprecate deprecateCmd `cmd:"" group:"publish" help:"Advise against a package."`
	Tombstone tombstoneCmd `cmd:"" group:"publish" help:"Close a package for ever."`
	Owner     ownerCmd     `cmd:"" group:"publish" help:"List and change the owners of a package."`
	Proposal  proposalCmd  `cmd:"" group:"publish" help:"List, sign and hand in proposals."`
	Keygen    keygenCmd    `cmd:"" group:"publish" help:"Make a signing key."`
	Keys      keysCmd      `cmd:"" group:"publish" help:"List and change the keys that sign for you."`

	RegistryCmd registryCmd   `cmd:"" name:"registry" group:"user" help:"Add, list and remove registries."`
	Login       loginCmd      `cmd:"" group:"user" help:"Store credentials for a registry."`
	Logout      logoutCmd     `cmd:"" group:"user" help:"Forget credentials."`
	Config      configCmd     `cmd:"" group:"user" help:"Read and write settings."`
	Cache       cacheCmd      `cmd:"" group:"user" help:"Look after the cache."`
	Clean       cleanCmd      `cmd:"" group:"user" help:"Remove what can be made again."`
	Doctor      doctorCmd     `cmd:"" group:"user" help:"Look for what is wrong with registries, files, cache and project."`
	Metrics     metricsCmd    `cmd:"" group:"user" help:"Print what all runs have counted."`
	Completion  completionCmd `cmd:"" group:"user" help:"Print a script with which a shell completes gal-pkg."`
	Version     versionCmd    `cmd:"" group:"user" help:"Print version and formats."`
	Help        helpCmd       `cmd:"" group:"user" help:"Explain a command, a topic or an error."`
}

// maxJobs bounds --jobs, as it does in config.toml.
const maxJobs = 256

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
	// --version is a flag of add as well, so it is no flag of everything: it stands alone.
	if len(args) == 1 && (args[0] == "--version" || args[0] == "-V") {
		fmt.Fprintln(sys.stdout, "gal-pkg", programVersion)
		return cmdline.ExitOK
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	c, k, err := parse(args, sys)
	a := newApp(ctx, sys, &c.globals, k)
	defer a.close()
	if err != nil {
		a.JSON = cmdline.AsksForJSON(args, sys.env("GAL_FORMAT"))
	} else {
		err = c.check(k)
	}
	if err != nil {
		a.Fail("usage", usageError(err, k))
		return cmdline.ExitUsage
	}
	name := commandName(k)
	if err := a.configure(); err != nil && !mendsConfig(name) {
		return a.ended(name, err)
	}
	if c.ChaosProfile != "" {
		if err := a.rehearse(name, c.ChaosProfile); err != nil {
			return a.ended(name, err)
		}
	}
	if err := a.endRehearsal(a.diskFault(k.Run(a))); err != nil {
		return a.ended(name, err)
	}
	return cmdline.ExitOK
}

// check refuses what the grammar lets pass and nobody can mean.
func (g *globals) check(k *kong.Context) error {
	if flag := repeated(k); flag != "" {
		return fmt.Errorf("--%s is given twice; which one is meant?", flag)
	}
	if g.Jobs != nil && (*g.Jobs < 1 || *g.Jobs > maxJobs) {
		return fmt.Errorf("--jobs is %d; it is 1 to %d", *g.Jobs, maxJobs)
	}
	if g.Format == formatPrometheus && commandName(k) != "metrics" {
		return fmt.Errorf("--format %s, or GAL_FORMAT, goes with metrics alone; others print text or json", formatPrometheus)
	}
	return g.checkDirectory()
}

// checkDirectory holds that -C names a folder: from one that is not there a command would act on the project around it.
func (g *globals) checkDirectory() error {
	if g.Directory == "" {
		return nil
	}
	info, err := os.Stat(g.Directory)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("-C is %q, and there is no such folder", g.Directory)
	case err == nil && !info.IsDir(), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("-C is %q, which is no folder", g.Directory)
	case err != nil:
		return fmt.Errorf("-C is %q, which cannot be looked at: %w", g.Directory, err)
	}
	return nil
}

// repeated returns the first flag with one value that is given more than once, "" for none.
func repeated(k *kong.Context) string {
	seen := map[*kong.Flag]bool{}
	for _, step := range k.Path {
		f := step.Flag
		if f == nil || f.IsSlice() || f.IsMap() || f.IsBool() || f.IsCounter() {
			continue
		}
		if seen[f] {
			return f.Name
		}
		seen[f] = true
	}
	return ""
}

// commandName joins the command and its subcommand: "config-get".
func commandName(k *kong.Context) string { return strings.Join(commandWords(k), "-") }

func commandWords(k *kong.Context) (words []string) {
	for _, step := range k.Path {
		if step.Command != nil {
			words = append(words, step.Command.Name)
		}
	}
	return words
}

// mendsConfig reports whether a command must work although config.toml does not parse or there is no home for it.
func mendsConfig(command string) bool {
	return strings.HasPrefix(command, "config") || command == "help" || command == "version" || command == "doctor" || command == "completion"
}

// environment gives the global flags that the command line does not set the values of GAL_OFFLINE and its like. A variable
// that is empty is not set.
func environment(env func(string) string) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
		if parent.App == nil || !slices.Contains(variables, flag.Name) {
			return nil, nil
		}
		name := "GAL_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		text := env(name)
		if text == "" {
			return nil, nil
		}
		value, may := meant(flag, text)
		if may != "" {
			return nil, fmt.Errorf("%s is %q; it is %s", name, text, may)
		}
		return value, nil
	})
}

// meant is what a variable gives a flag; where it cannot be meant, may is what it can be.
func meant(flag *kong.Flag, text string) (value any, may string) {
	switch {
	case flag.IsBool():
		truths := map[string]bool{"1": true, "true": true, "yes": true, "0": false, "false": false, "no": false}
		if truth, ok := truths[strings.ToLower(text)]; ok {
			return truth, ""
		}
		return nil, "1, true, yes, 0, false or no"
	case flag.Enum != "" && !flag.EnumMap()[text]:
		return nil, "one of " + strings.Join(flag.EnumSlice(), ", ")
	case flag.Name == "jobs":
		if n, err := strconv.Atoi(text); err != nil || n < 1 || n > maxJobs {
			return nil, fmt.Sprintf("1 to %d", maxJobs)
		}
	}
	return text, ""
}

// variables are the flags that the environment can set.
var variables = []string{"registry", "offline", "locked", "frozen", "format", "color", "no-progress", "no-input", "jobs", "chaos"}

// ended turns the error of a command into what is printed and the exit code.
func (a *app) ended(command string, err error) int {
	err = a.withoutRegistry(err)
	code := cmdline.ExitCode(err)
	switch {
	case code == cmdline.ExitInterrupt:
		code = cmdline.InterruptCode(a.ctx)
		a.Fail(command, fault.New(fault.Cancelled, "interrupted", "interrupted; nothing was changed that is not complete"))
	case code == cmdline.ExitPipe:
	case errors.Is(err, errQuiet):
	default:
		a.Fail(command, err)
	}
	return code
}

// errQuiet is wrapped by errors of which everything has been printed already.
var errQuiet = errors.New("already said")

// usageError points to the help of the command, as far as one was named. Without k it is in the error.
func usageError(err error, k *kong.Context) error {
	words := []string{"gal-pkg"}
	if parsed := (*kong.ParseError)(nil); errors.As(err, &parsed) {
		k = parsed.Context
	}
	if k != nil {
		words = append(words, commandWords(k)...)
	}
	return fault.New(fault.Usage, "usage", "%v", err).WithHelp("%s --help", strings.Join(words, " "))
}

// isTerminal reports whether a stream is one.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// useColour follows the order that users expect: the flag, then NO_COLOR, then FORCE_COLOR, then the terminal.
func useColour(flag string, env func(string) string, stream any) bool {
	switch {
	case flag == "always":
		return true
	case flag == "never", env("NO_COLOR") != "":
		return false
	case env("FORCE_COLOR") != "" || env("CLICOLOR_FORCE") != "":
		return true
	}
	return isTerminal(stream) && env("TERM") != "dumb"
}
