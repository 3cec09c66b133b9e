// Command demo shows the whole of gal-pkg on a registry of its own: it makes one in a temporary folder, serves it on
// loopback, publishes the sample packages as signed pull requests, and uses them from a new project. It prints every
// command before it runs it, so that reading the output teaches the tool. Nothing is left running, and nothing outside of
// the temporary folder is touched.
//
//	go run ./tools/demo [-keep]
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// packages are the samples in the order of their dependencies: what a package needs comes before it.
var packages = []string{
	"mailbox", "mailbox-1.1", "retry-policy", "assert-kit", "schema-gen",
	"chaos-kit", "orbit-telemetry", "self-tuning-cache", "order-desk",
}

func main() {
	keep := flag.Bool("keep", false, "keep the temporary folder")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *keep)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, keep bool) error {
	source, err := filepath.Abs("tools/demo/packages")
	if err != nil {
		return err
	}
	if _, err := os.Stat(source); err != nil {
		return fmt.Errorf("run it from the root of the repository: %w", err)
	}
	dir, err := os.MkdirTemp("", "gal-demo-")
	if err != nil {
		return err
	}
	if keep {
		fmt.Println("the demo lives in", dir)
	} else {
		defer removeAll(dir)
	}
	d := &demo{ctx: ctx, dir: dir}
	if err := d.build(); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(dir, "packages"), os.DirFS(source)); err != nil {
		return err
	}
	return d.play()
}

// removeAll also removes the store's read-only folders.
func removeAll(dir string) {
	_ = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return nil
	})
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
}

type demo struct {
	ctx   context.Context
	dir   string
	token string
	err   error // the first step that failed; later ones do nothing
}

// build compiles both programs into the demo's folder.
func (d *demo) build() error {
	fmt.Println("building gal-pkg and gal-registry ...")
	cmd := exec.CommandContext(d.ctx, "go", "build", "-o", filepath.Join(d.dir, "bin")+string(filepath.Separator), "./cmd/gal-pkg", "./cmd/gal-registry")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// play is the story.
func (d *demo) play() error {
	d.title("A registry is a folder: an index in git, and files that any web server can serve")
	d.token = strings.TrimSpace(d.output(".", "gal-registry", "init", "registry", "--id", "demo.example"))
	url, stop := d.serve()
	defer stop()

	d.title("A publisher: a key of their own, and a token to upload with")
	d.run(".", "gal-pkg", "registry", "add", "demo", url, "--default", "--yes")
	d.pipe(d.token, ".", "gal-pkg", "login", "--token", "-")
	d.run(".", "gal-pkg", "keygen", "--output", "orbit.pem", "--no-passphrase")
	d.run(".", "gal-pkg", "config", "set", "publisher", "orbit")
	d.run(".", "gal-pkg", "config", "set", "signing.key", "orbit.pem")

	d.title("Publishing is a signed pull request; the registry's gate judges it and merges")
	d.run("packages/mailbox", "gal-pkg", "publish", "--dry-run")
	for _, name := range packages {
		d.run("packages/"+name, "gal-pkg", "publish")
	}

	d.title("Using packages: add, look, verify")
	d.run(".", "gal-pkg", "search", "actor")
	d.run(".", "gal-pkg", "init", "desk")
	d.run("desk", "gal-pkg", "add", "self-tuning-cache", "orbit/telemetry@^1.0")
	d.run("desk", "gal-pkg", "add", "assert-kit", "--dev")
	d.run("desk", "gal-pkg", "install")
	d.run("desk", "gal-pkg", "tree")
	d.run("desk", "gal-pkg", "verify")
	d.run("desk", "gal-pkg", "info", "mailbox")

	d.title("Yanking: nobody new gets the version, nobody who has it loses it")
	d.run(".", "gal-pkg", "yank", "mailbox@1.1.0", "--reason", "ask_first may answer twice", "--class", "broken")
	d.run("desk", "gal-pkg", "fetch")
	d.run("desk", "gal-pkg", "update")
	d.run("desk", "gal-pkg", "tree", "--depth", "2")

	d.title("The same without a network, from what is in the cache")
	d.remove("desk/.gal")
	d.run("desk", "gal-pkg", "install", "--locked", "--offline")

	d.title("Everything is checkable with other tools: git knows who proposed what")
	d.run(".", "git", "clone", "--quiet", url+"/index.git", "clone")
	d.run("clone", "git", "-c", "gpg.ssh.allowedSignersFile=../registry/public/allowed_signers", "log", "--format=%G? %GS  %s")
	if d.err == nil {
		fmt.Println("\nThat was all of it. README.md says where to go from here.")
	}
	return d.err
}

func (d *demo) title(text string) {
	if d.err == nil {
		fmt.Printf("\n== %s\n", text)
	}
}

// command prepares a command of the story in a folder of the demo, with an empty home.
func (d *demo) command(folder, name string, args ...string) *exec.Cmd {
	program := name
	if strings.HasPrefix(name, "gal-") {
		program = filepath.Join(d.dir, "bin", name)
	}
	cmd := exec.CommandContext(d.ctx, program, args...)
	cmd.Dir = filepath.Join(d.dir, filepath.FromSlash(folder))
	cmd.Env = environment(filepath.Join(d.dir, "home"))
	cmd.Stderr = os.Stdout
	return cmd
}

// environment is this process's own, without what would lead a command out of the demo.
func environment(home string) []string {
	var env []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "GAL_") && !strings.HasPrefix(name, "XDG_") && !strings.HasPrefix(name, "GIT_") && name != "HOME" && name != "USERPROFILE" {
			env = append(env, pair)
		}
	}
	return append(env, "HOME="+home, "USERPROFILE="+home, "GIT_CONFIG_NOSYSTEM=1")
}

func (d *demo) show(folder, name string, args []string) {
	for i, a := range args {
		if strings.ContainsAny(a, " %?") {
			args[i] = "'" + a + "'"
		}
	}
	prompt := "$"
	if folder != "." {
		prompt = folder + " $"
	}
	fmt.Printf("\n%s %s %s\n", prompt, name, strings.Join(args, " "))
}

func (d *demo) run(folder, name string, args ...string) {
	if d.err != nil {
		return
	}
	d.show(folder, name, append([]string(nil), args...))
	cmd := d.command(folder, name, args...)
	cmd.Stdout = os.Stdout
	d.end(cmd.Run(), name, args)
}

func (d *demo) end(err error, name string, args []string) {
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
}

// pipe runs a command that reads a secret from its standard input.
func (d *demo) pipe(input, folder, name string, args ...string) {
	if d.err != nil {
		return
	}
	d.show(folder, "echo \"$TOKEN\" | "+name, append([]string(nil), args...))
	cmd := d.command(folder, name, args...)
	cmd.Stdin, cmd.Stdout = strings.NewReader(input+"\n"), os.Stdout
	d.end(cmd.Run(), name, args)
}

// output runs a command and returns what it prints.
func (d *demo) output(folder, name string, args ...string) string {
	if d.err != nil {
		return ""
	}
	d.show(folder, name, append([]string(nil), args...))
	out, err := d.command(folder, name, args...).Output()
	d.end(err, name, args)
	return string(out)
}

func (d *demo) remove(folder string) {
	if d.err != nil {
		return
	}
	fmt.Printf("\n$ rm -r %s\n", folder)
	d.end(os.RemoveAll(filepath.Join(d.dir, filepath.FromSlash(folder))), "rm", []string{folder})
}

// serve starts the registry on a free port of loopback and returns its address, and what stops it.
func (d *demo) serve() (url string, stop func()) {
	if d.err != nil {
		return "", func() {}
	}
	args := []string{"serve", "registry", "--listen", "127.0.0.1:0"}
	d.show(".", "gal-registry", append([]string(nil), args...))
	cmd := d.command(".", "gal-registry", args...)
	cmd.Stderr = nil
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		d.end(err, "gal-registry", args)
		return "", func() {}
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	d.end(err, "gal-registry", args)
	url = strings.TrimSpace(line)
	fmt.Println(url)
	return url, func() { d.stop(cmd) }
}

// stop ends the server in its own way, and by force where that takes too long.
func (d *demo) stop(cmd *exec.Cmd) {
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how a server ends that was told to end is no news
		close(done)
	}()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		_ = cmd.Process.Kill()
	}
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		_ = cmd.Process.Kill()
		<-done
	}
}
