package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/translog"
	"github.com/geeknik/gal-pkg/tools/build"
	"github.com/geeknik/gal-pkg/version"
)

// TestHostile runs the stories in testdata/script/hostile: registries whose hosts lie, stall or fail. They have the
// commands of [TestScripts], and these:
//
//	host DIR [FAULT PREFIX]     serve a published tree over http; sets HOST_URL. Paths with the prefix are answered with a
//	                            status (`404`), with a web page (`page`), with half a file and silence (`stall`), or with
//	                            a redirect to an unencrypted host elsewhere (`redirect`)
//	history DIR ITEM...         make a published tree in which several publishers act: WHO:publish:FOLDER,
//	                            WHO:owners:NAME:ID,..., WHO:yank:NAME@VERSION, WHO:unyank:NAME@VERSION. An item that begins
//	                            with ! is forced into the file although it does not count, signed as it should be
//	replay FILE N               append line N of a published file again, with a stamp of today
//	change FILE LINE OLD NEW    replace a regular expression in a line, or in every line for *; it must be there
//	graft FILE FROM TO          give line TO of a published file the signature of line FROM
//	[root]                      the user may write everywhere
//	terminal COLUMNS REGEXP INT|TERM|HUP|FILE PROGRAM ARG...
//	                            run a program on a terminal; once the screen matches, it gets a signal, or the file is made;
//	                            what is on the screen in the end, and how the program ended, is then in the file screen
//	await FILE                  wait until a file is there: a host that stalls makes the file stalled, and goes on when
//	                            there is a file go-on
func TestHostile(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script/hostile",
		RequireUniqueNames: true,
		UpdateScripts:      *update,
		Condition: func(name string) (bool, error) {
			if name != "protectable" {
				return false, fmt.Errorf("no condition %s", name)
			}
			return protectable(t.TempDir()), nil
		},
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, ".home")
			env.Setenv("HOME", home)
			return os.Mkdir(home, 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"seed": seed, "vouch": vouch, "serve": serve, "edit": edit, "damage": damage,
			"host": host, "history": history, "replay": replay, "graft": graft, "await": await, "change": change, "protect": protect, "terminal": terminal,
		},
	})
}

// protectable reports whether a folder can be made read-only. Where CI=true the answer is yes: a script that then cannot
// do it fails, and is not left out.
func protectable(dir string) bool {
	if os.Geteuid() != 0 || os.Getenv("CI") == "true" {
		return true
	}
	if exec.Command("mount", "--bind", dir, dir).Run() != nil {
		return false
	}
	return exec.Command("umount", dir).Run() == nil
}

// protect makes folders read-only, and with ! writable again: by their modes, or for root, whom no mode stops, by a mount
// of the first.
func protect(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: [!] protect DIR...")
	}
	if os.Geteuid() != 0 {
		for _, dir := range args {
			ts.Check(os.Chmod(ts.MkAbs(dir), map[bool]os.FileMode{false: 0o555, true: 0o755}[neg]))
		}
		return
	}
	dir := ts.MkAbs(args[0])
	if neg {
		ts.Check(exec.Command("umount", "--lazy", dir).Run())
		return
	}
	ts.Check(exec.Command("mount", "--bind", dir, dir).Run())
	ts.Defer(func() { _ = exec.Command("umount", "--lazy", dir).Run() }) // not there any more where the script has undone it
	ts.Check(exec.Command("mount", "-o", "remount,ro,bind", dir).Run())
}

// host serves a tree that misbehaves below a prefix.
func host(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 && len(args) != 3 {
		ts.Fatalf("usage: host DIR [FAULT PREFIX]")
	}
	files := http.FileServer(http.Dir(ts.MkAbs(args[0])))
	var handler http.Handler = files
	quit := make(chan struct{})
	if len(args) == 3 {
		handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, args[2]) {
				misbehave(ts, w, r, ts.MkAbs(args[0]), args[1], quit)
				return
			}
			files.ServeHTTP(w, r)
		})
	}
	server := httptest.NewServer(handler)
	ts.Defer(func() {
		close(quit)
		server.Close()
	})
	ts.Setenv("HOST_URL", server.URL)
}

func misbehave(ts *testscript.TestScript, w http.ResponseWriter, r *http.Request, dir, fault string, quit chan struct{}) {
	switch fault {
	case "page":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!doctype html><title>Guest network</title><form>Please log in</form>")
	case "redirect":
		http.Redirect(w, r, "http://registry.invalid"+r.URL.Path, http.StatusFound)
	case "stall":
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(r.URL.Path)))
		ts.Check(err)
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		half := len(data) / 2
		_, _ = w.Write(data[:half])
		_ = http.NewResponseController(w).Flush()
		ts.Check(os.WriteFile(ts.MkAbs("stalled"), nil, 0o644))
		for r.Context().Err() == nil {
			select {
			case <-quit:
				return
			case <-time.After(5 * time.Millisecond):
			}
			if _, err := os.Stat(ts.MkAbs("go-on")); err == nil {
				_, _ = w.Write(data[half:])
				return
			}
		}
	default:
		status, err := strconv.Atoi(fault)
		if err != nil {
			status = http.StatusNotImplemented
		}
		http.Error(w, "<html>a long page\n\x1b[2Jthat nobody wants to see</html>", status)
	}
}

// await waits for a file, at most as long as a slow machine takes for anything.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await FILE")
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
	}
	ts.Fatalf("%s does not appear", args[0])
}

// stamped reads the lines of a published file, without their stamps.
func stamped(ts *testscript.TestScript, path string) (lines []string) {
	all := strings.SplitAfter(ts.ReadFile(path), "\n")
	for i := 1; i < len(all); i += 2 {
		lines = append(lines, all[i])
	}
	return lines
}

// appendLine puts a line at the end of a published file, stamped behind everything that a registry of a test has.
func appendLine(ts *testscript.TestScript, path, line string) {
	data := []byte(ts.ReadFile(path))
	place := int64(1000 + bytes.Count(data, []byte{'\n'}))
	data = append(append(data, index.Stamp(seedTime().Add(time.Hour), place)...), '\n')
	ts.Check(os.WriteFile(path, append(append(data, strings.TrimSuffix(line, "\n")...), '\n'), 0o644))
}

func replay(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: replay FILE N")
	}
	path := ts.MkAbs(args[0])
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	appendLine(ts, path, stamped(ts, path)[n-1])
}

func change(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: change FILE LINE OLD NEW")
	}
	path := ts.MkAbs(args[0])
	old, err := regexp.Compile(args[2])
	ts.Check(err)
	lines := strings.SplitAfter(ts.ReadFile(path), "\n")
	changed := false
	for i, line := range lines {
		if args[1] == "*" || args[1] == strconv.Itoa(i+1) {
			lines[i] = old.ReplaceAllString(line, args[3])
			changed = changed || lines[i] != line
		}
	}
	if !changed {
		ts.Fatalf("%s has no %s", args[0], args[2])
	}
	ts.Check(os.WriteFile(path, []byte(strings.Join(lines, "")), 0o644))
}

func graft(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: graft FILE FROM TO")
	}
	path := ts.MkAbs(args[0])
	lines := stamped(ts, path)
	from, err := strconv.Atoi(args[1])
	ts.Check(err)
	to, err := strconv.Atoi(args[2])
	ts.Check(err)
	_, signature, _ := strings.Cut(lines[from-1], `,"sig":`)
	body, _, _ := strings.Cut(lines[to-1], `,"sig":`)
	text := strings.Replace(ts.ReadFile(path), lines[to-1], body+`,"sig":`+signature, 1)
	ts.Check(os.WriteFile(path, []byte(text), 0o644))
}

// seedTime is when everything in a published tree of a test happens.
func seedTime() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// history makes a tree as seed does, with as many publishers as act in it.
func history(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: history DIR ITEM...")
	}
	key, err := translog.GenerateKey(rand.Reader, seedID)
	ts.Check(err)
	builder, err := build.New(seedID, build.Empty{}, 0, key)
	ts.Check(err)
	s := &seeder{ts: ts, dir: ts.MkAbs(args[0]), builder: builder}
	authors := map[string]publish.Author{}
	for _, item := range args[1:] {
		who, _, _ := strings.Cut(strings.TrimPrefix(item, "!"), ":")
		if _, ok := authors[who]; ok {
			continue
		}
		a := publish.Author{ID: who, Random: rand.Reader, Now: seedTime()}
		a.Key, err = sign.Generate(rand.Reader)
		ts.Check(err)
		line, err := a.Register(seedID, "", nil)
		ts.Check(err)
		ts.Check(builder.Append(line, a.Now))
		authors[who] = a
	}
	var forced []*index.Line
	for _, item := range args[1:] {
		act, isForced := strings.CutPrefix(item, "!")
		who, act, _ := strings.Cut(act, ":")
		s.author = authors[who]
		line := s.act(act)
		if isForced {
			forced = append(forced, line)
		} else {
			ts.Check(builder.Append(line, seedTime()))
		}
	}
	out, err := builder.Finish()
	ts.Check(err)
	out.Files[index.ConfigPath] = []byte(seedTOML)
	s.writeTree(out.Files, key)
	for _, line := range forced {
		appendLine(ts, filepath.Join(s.dir, filepath.FromSlash(index.SubjectPath(line.Event, line.Subject))), string(line.Bytes()))
	}
	if len(forced) > 0 {
		vouch(ts, false, args[:1])
	}
}

// act makes the line of an item, and writes the archive that it names.
func (s *seeder) act(text string) *index.Line {
	event, rest, _ := strings.Cut(text, ":")
	if index.Event(event) == index.EventPublish {
		return s.publication(rest)
	}
	if index.Event(event) == index.EventOwners {
		name, ids, _ := strings.Cut(rest, ":")
		return s.sign(name, version.Version{}, &index.Line{
			Event: index.EventOwners, Subject: name, Body: &index.Owners{Owners: strings.Split(ids, ","), Threshold: 1},
		})
	}
	name, number, _ := strings.Cut(rest, "@")
	v := version.MustParse(number)
	var body index.Body = &index.Unyank{Version: v, Reason: "mended"}
	if index.Event(event) == index.EventYank {
		body = &index.Yank{Version: v, Class: "broken", Reason: "loses mail"}
	}
	return s.sign(name, v, &index.Line{Event: index.Event(event), Subject: name, Body: body})
}

func (s *seeder) sign(name string, v version.Version, line *index.Line) *index.Line {
	line.After = s.state(name).After(line.Event, v, s.author.ID)
	signed, err := s.author.Sign(seedID, line)
	s.ts.Check(err)
	return signed
}

func (s *seeder) publication(dir string) *index.Line {
	draft, err := publish.Prepare(s.ts.MkAbs(dir), publish.Options{Registry: func(name string) (string, error) {
		return "", fmt.Errorf("no registry %s", name)
	}})
	s.ts.Check(err)
	s.ts.Check(draft.Err())
	line, err := s.author.Publish(seedID, s.state(draft.Name), draft)
	s.ts.Check(err)
	s.write(index.ArchivePath(draft.Name, draft.Publish.Version.String()), draft.Archive.Bytes)
	return line
}
