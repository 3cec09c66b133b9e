package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

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
	Offline      bool   `env:"GAL_OFFLINE" help:"Ask nothing of the network."`
	Locked       bool   `env:"GAL_LOCKED" help:"Fail if gal.lock would change."`
	Frozen       bool   `env:"GAL_FROZEN" help:"Both --locked and --offline."`
	Format       string `enum:"text,json,prometheus" default:"text" help:"Print results as text or json; metrics also as prometheus."`
	Color        string `enum:"auto,always,never" default:"auto" help:"Colour messages: auto, always, never."`
	Quiet        bool   `short:"q" help:"Print errors only."`
	Verbose      int    `short:"v" type:"counter" help:"Say more; twice for everything."`
	NoProgress   bool   `env:"GAL_NO_PROGRESS" help:"Show no progress."`
	Yes          bool   `short:"y" help:"Answer yes to every question."`
	NoInput      bool   `env:"GAL_NO_INPUT" help:"Never ask; fail where a question would be needed."`
	Jobs         int    `placeholder:"N" help:"Downloads at once (default 64)."`
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
		a.Fail("usage", usageError(err, args))
		return cmdline.ExitUsage
	}
	if flag := repeated(k); flag != "" {
		a.Fail("usage", usageError(fmt.Errorf("--%s is given twice; which one is meant?", flag), args))
		return cmdline.ExitUsage
	}
	if c.Jobs < 0 || c.Jobs > maxJobs {
		a.Fail("usage", usageError(fmt.Errorf("--jobs is %d; it is 1 to %d", c.Jobs, maxJobs), args))
		return cmdline.ExitUsage
	}
	name := commandName(k)
	if c.Format == formatPrometheus && name != "metrics" {
		a.Fail("usage", usageError(fmt.Errorf("--format %s goes with metrics alone; others print text or json", formatPrometheus), args))
		return cmdline.ExitUsage
	}
	if err := a.configure(); err != nil && !mendsConfig(name) {
		return a.ended(name, err)
	}
	if c.ChaosProfile != "" {
		if err := a.rehearse(c.ChaosProfile); err != nil {
			return a.ended(name, err)
		}
	}
	if err := a.endRehearsal(diskFault(k.Run(a))); err != nil {
		return a.ended(name, err)
	}
	return cmdline.ExitOK
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
func commandName(k *kong.Context) string {
	var words []string
	for _, step := range k.Path {
		if step.Command != nil {
			words = append(words, step.Command.Name)
		}
	}
	return strings.Join(words, "-")
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
		if text == "" || !flag.IsBool() {
			return anyOf(text), nil
		}
		switch strings.ToLower(text) {
		case "1", "true", "yes":
			return true, nil
		case "0", "false", "no":
			return false, nil
		}
		return nil, fmt.Errorf("%s is %q; it is 1, true, yes, 0, false or no", name, text)
	})
}

// variables are the flags that the environment can set.
var variables = []string{"registry", "offline", "locked", "frozen", "format", "color", "no-progress", "no-input", "jobs", "chaos"}

// anyOf is nil, which sets nothing, for an empty text.
func anyOf(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// ended turns the error of a command into what is printed and the exit code.
func (a *app) ended(command string, err error) int {
	code := cmdline.ExitCode(err)
	switch {
	case code == cmdline.ExitInterrupt:
		fmt.Fprintln(a.Stderr, "interrupted; nothing was changed that is not complete")
	case code == cmdline.ExitPipe:
	case errors.Is(err, errQuiet):
	default:
		a.Fail(command, err)
	}
	return code
}

// errQuiet is wrapped by errors of which everything has been printed already.
var errQuiet = errors.New("already said")

func usageError(err error, args []string) error {
	f := fault.New(fault.Usage, "usage", "%v", err)
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") && !strings.HasPrefix(err.Error(), "unexpected argument "+args[0]) {
		return f.WithHelp("gal-pkg %s --help", args[0])
	}
	return f.WithHelp("gal-pkg --help")
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
