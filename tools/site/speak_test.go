package site_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/audit"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// production is a registry whose three root keys are elsewhere, with mailbox 1.0.0 by ada.
type production struct {
	*sitetest.Registry
	t    *testing.T
	keys []string
	ada  publish.Author
}

func newProduction(t *testing.T) *production {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "registry")
	if _, err := site.Init(t.Context(), dir, site.InitOptions{ID: sitetest.ID, Now: sitetest.Now, Production: true}); err != nil {
		t.Fatal(err)
	}
	p := &production{t: t, Registry: sitetest.Open(t, dir), ada: sitetest.Author(t, "ada")}
	elsewhere := t.TempDir()
	for _, name := range []string{"root-1.pem", "root-2.pem", "root-3.pem"} {
		p.keys = append(p.keys, filepath.Join(elsewhere, name))
		if err := os.Rename(p.Path(site.RootKeysDir, name), p.keys[len(p.keys)-1]); err != nil {
			t.Fatal(err)
		}
	}
	p.Propose(p.ada, p.Main(), p.Register(p.ada), p.Publish(p.ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	p.Merge("pass")
	return p
}

func (p *production) yank() site.Statement {
	return site.Statement{Event: index.EventYank, Subject: "mailbox",
		Body: &index.Yank{Version: version.MustParse("1.0.0"), Class: "security", Reason: "steals"}}
}

func (p *production) recovery(keys ...string) site.Statement {
	return site.Statement{Event: index.EventRecover, Subject: "mailbox", RootKeys: keys,
		Body: &index.Recover{Owners: []string{"cleo"}, Threshold: 1, Reason: "gone"}}
}

func (p *production) speak(at time.Time, st site.Statement) *site.Spoken {
	p.t.Helper()
	spoken, err := p.Speak(p.t.Context(), at, st)
	if err != nil {
		p.t.Fatal(err)
	}
	return spoken
}

func (p *production) submit(at time.Time, l *index.Line) error {
	_, err := p.Submit(p.t.Context(), at, []*index.Line{l})
	return err
}

// sound holds that nobody who reads the whole registry finds anything.
func (p *production) sound(at time.Time) {
	p.t.Helper()
	dir, err := index.OpenDir(p.Path(site.PublicDir))
	if err != nil {
		p.t.Fatal(err)
	}
	defer dir.Close()
	o, err := audit.Open(p.t.Context(), dir, index.Options{Pin: sitetest.ID, Now: at})
	if err != nil {
		p.t.Fatal(err)
	}
	if o.Paths, err = audit.ListDir(os.DirFS(p.Path(site.PublicDir))); err != nil {
		p.t.Fatal(err)
	}
	report, err := audit.Full(p.t.Context(), o)
	if err != nil || !report.Sound() {
		p.t.Errorf("%v, %+v", err, report)
	}
}

// TestSpeak: a package is recovered with two of three keys in one place or in two, and with no fewer.
func TestSpeak(t *testing.T) {
	p := newProduction(t)
	if _, err := p.Speak(t.Context(), sitetest.Now, p.recovery()); !fault.IsCode(err, "key-missing") {
		t.Errorf("without a key: %v", err)
	}
	stranger := filepath.Join(t.TempDir(), "stranger.pem")
	data, err := os.ReadFile(p.Path("keys", "targets.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stranger, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Speak(t.Context(), sitetest.Now, p.recovery(stranger, p.keys[0])); !fault.IsCode(err, "key-unknown") {
		t.Errorf("with a key of another role: %v", err)
	}
	one := p.speak(sitetest.Now, p.recovery(p.keys[1], p.keys[1]))
	if one.Missing != 1 {
		t.Errorf("one key twice: %d missing", one.Missing)
	}
	two := p.speak(sitetest.Now, p.recovery(p.keys[1], p.keys[2]))
	if err := p.submit(sitetest.Now, two.Line); two.Missing != 0 || !fault.IsCode(err, "gate-refused") {
		t.Errorf("to somebody who is not registered: %v", err)
	}
	cleo := sitetest.Author(t, "cleo")
	p.Propose(cleo, p.Main(), p.Register(cleo), p.Publish(cleo, sitetest.Draft(t, "letters", "1.0.0", "")))
	p.Merge("pass")
	if err := p.submit(sitetest.Now, one.Line); !fault.IsCode(err, "gate-refused") ||
		strings.Join(fault.Of(err).Facts, "\n") != "G51 fail: recover of mailbox: 1 keys of @root signed, root 1 asks for 2" {
		t.Errorf("one key: %v, %+v", err, fault.Of(err))
	}
	if err := p.submit(sitetest.Now, two.Line); err != nil {
		t.Fatal(err)
	}
	if got := p.Package("mailbox").Owners; len(got) != 1 || got[0] != "cleo" {
		t.Errorf("the owners are %v", got)
	}
	if err := p.submit(sitetest.Now, two.Line); !fault.IsCode(err, "gate-refused") {
		t.Errorf("the same once more: %v", err)
	}
	p.sound(sitetest.Now)
}

// TestSpeakWithoutTargets: what @registry says is signed in its folder, and no root key helps.
func TestSpeakWithoutTargets(t *testing.T) {
	p := newProduction(t)
	if err := os.Rename(p.Path("keys", "targets.pem"), filepath.Join(t.TempDir(), "targets.pem")); err != nil {
		t.Fatal(err)
	}
	_, err := p.Speak(t.Context(), sitetest.Now, p.yank())
	if !fault.IsCode(err, "key-missing") {
		t.Fatalf("%v", err)
	}
	if help := strings.Join(fault.Of(err).Help, "\n"); strings.Contains(help, "--root-key") || !strings.Contains(help, p.Path("keys")) {
		t.Errorf("the help is %q", help)
	}
}

// TestSpeakAndRotate: what is said under a root counts until the next speaks; a line that was signed before is refused.
func TestSpeakAndRotate(t *testing.T) {
	p := newProduction(t)
	signed := p.speak(sitetest.Now, p.yank())
	if _, err := p.RotateRoot(t.Context(), sitetest.Now, site.Rotation{RootKeys: p.keys[:2]}); err != nil {
		t.Fatal(err)
	}
	if err := p.submit(sitetest.Now, signed.Line); !fault.IsCode(err, "gate-refused") {
		t.Errorf("a line under the root before: %v", err)
	}
	if err := p.submit(sitetest.Now, p.speak(sitetest.Now, p.yank()).Line); err != nil {
		t.Fatal(err)
	}
	if p.Package("mailbox").Release(version.MustParse("1.0.0")).YankedBy(index.ByRegistry) == nil {
		t.Error("the yank under the second root does not count")
	}
	p.sound(sitetest.Now)
}

// TestYankBesideARenewal: a build that publishes a line and renews a root that grows old puts the line before the root.
func TestYankBesideARenewal(t *testing.T) {
	p := &production{t: t, Registry: sitetest.New(t), ada: sitetest.Author(t, "ada")}
	p.Propose(p.ada, p.Main(), p.Register(p.ada), p.Publish(p.ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	p.Merge("pass")
	key, err := sign.LoadKeyFile(p.Path("keys", "targets.pem"), nil)
	if err != nil {
		t.Fatal(err)
	}
	old, root := sitetest.Now.Add(tuf.RootLife-tuf.RootLife/3+time.Hour), int64(1)
	registry := publish.Author{ID: index.ByRegistry, Root: &root, Key: key, Random: rand.Reader, Now: old}
	line := sitetest.Line(t)(registry.Yank(sitetest.ID, p.Package("mailbox"), p.yank().Body.(*index.Yank)))
	main := p.Main()
	data, err := p.Repo.ReadFile(main, index.PackagePath("mailbox"), index.MaxFile)
	if err != nil {
		t.Fatal(err)
	}
	next := p.Push("by-hand", p.ada, main, map[string][]byte{index.PackagePath("mailbox"): append(append(data, line.Bytes()...), '\n')})
	if err := p.Repo.CompareAndSwap("refs/heads/main", main, next); err != nil {
		t.Fatal(err)
	}
	report, err := p.Build(t.Context(), old)
	if err != nil || report.Lines != 1 || len(report.Dropped) > 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	if renewed, _, err := p.Root(); err != nil || renewed.Version != 2 || renewed.LogSize != 3 {
		t.Fatalf("the root was not renewed: %+v, %v", renewed, err)
	}
	p.sound(old)
}
