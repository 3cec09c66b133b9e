package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/tools/build"
	"github.com/geeknik/gal-pkg/tools/gate"
	"github.com/geeknik/gal-pkg/tools/site"
)

// signing are the flags of commands that speak for a publisher.
type signing struct {
	As             string `placeholder:"ID" help:"Publisher to speak for (default: config publisher)."`
	Sign           string `placeholder:"FILE" help:"Private key (default: config signing.key)."`
	PassphraseFile string `placeholder:"FILE" help:"File with the key's passphrase (else GAL_KEY_PASSPHRASE, else a question)."`
}

type publishCmd struct {
	signing
	DryRun  bool          `short:"n" help:"Do everything but write: check, pack, sign and judge."`
	Contact string        `placeholder:"TEXT" help:"With a first publish: how the registry reaches you."`
	Wait    time.Duration `placeholder:"5m" help:"Wait for the registry's answer."`
}

func (publishCmd) Help() string {
	return `Checks and packs the package, signs its line, uploads the archive and proposes the line to the registry as a branch
with one signed commit. The registry's gate runs here first, with the same answer. Running it again is safe: a version that
is published or proposed already, with the same content, is success.

EXAMPLES
  gal-pkg publish --dry-run                  # everything but the writing
  gal-pkg publish                            # to the default registry
  gal-pkg publish --registry company         # to another one
  gal-pkg publish --sign ./my-key.pem --as ada`
}

// publishResult is the document of publish and yank.
type publishResult struct {
	Name     string       `json:"name"`
	Version  string       `json:"version"`
	Registry string       `json:"registry"`
	State    string       `json:"state"` // published, proposed, merged, waiting or dry-run
	Checksum string       `json:"checksum,omitempty"`
	Size     int64        `json:"size,omitempty"`
	Branch   string       `json:"branch,omitempty"`
	Commit   string       `json:"commit,omitempty"`
	Gate     *gate.Report `json:"gate,omitempty"`

	title string // of the proposal
}

func (c *publishCmd) Run(a *app) error {
	if err := a.online(); err != nil {
		return err
	}
	p, err := a.project()
	if err != nil {
		return err
	}
	r, err := a.registry()
	if err != nil {
		return err
	}
	draft, err := a.draft(filepath.Dir(p.Path(p.Current)), p.Root(), r)
	if err != nil {
		return err
	}
	pkg, err := known(a.ctx, r, draft.Name)
	if fault.KindOf(err) == fault.NotFound {
		return fault.New(fault.Negative, "name-taken", "the name `%s` is taken: - and _ are the same in a registry", draft.Name).
			WithFact("%s", fault.Of(err).Message).WithHelp("choose another name in gal.toml")
	}
	if err != nil {
		return err
	}
	if pkg != nil {
		if release := pkg.Release(draft.Publish.Version); release != nil {
			return a.alreadyPublished(r, release, draft)
		}
	}
	desk, err := a.desk(r)
	if err != nil {
		return err
	}
	defer desk.Close()
	if done, err := a.alreadyProposed(desk, r, draft); done || err != nil {
		return err
	}
	author, err := a.author(c.signing)
	if err != nil {
		return err
	}
	lines, err := c.lines(a, r, author, pkg, draft)
	if err != nil {
		return err
	}
	result := publishResult{Name: draft.Name, Version: draft.Publish.Version.String(), Registry: r.ID(), Checksum: draft.Archive.Digest, Size: draft.Archive.Size}
	return a.propose(desk, r, author, lines, draft.Archive, &result, c.DryRun, c.Wait)
}

// draft checks and packs a package, and says everything that is wrong with it.
func (a *app) draft(dir string, workspace *manifest.Manifest, r *remote.Registry) (*publish.Draft, error) {
	set, err := a.registries()
	if err != nil {
		return nil, err
	}
	draft, err := publish.Prepare(dir, publish.Options{
		Target: r.Spec.Name, Workspace: workspace,
		Registry: func(name string) (string, error) {
			other, err := set.Open(a.ctx, name)
			if err != nil {
				return "", err
			}
			if other.ID() == r.ID() {
				return "", nil
			}
			return other.ID(), nil
		},
	})
	if err != nil {
		return nil, err
	}
	for _, problem := range draft.Problems {
		if problem.Level == publish.LevelWarning {
			a.Warn("%s", strings.TrimPrefix(problem.Where+": "+problem.Message, ": "))
		}
	}
	if err := draft.Err(); err != nil {
		return nil, err
	}
	a.Status("Packaging", "%s %s: %s, %s (%s packed)", draft.Name, draft.Publish.Version,
		cmdline.Plural(len(draft.Archive.Files), "file"), cmdline.Size(draft.Archive.Unpacked), cmdline.Size(draft.Archive.Size))
	a.Debug("%12s %s", "", draft.Archive.Digest)
	return draft, nil
}

// known returns what the registry has of a package, nil for nothing.
func known(ctx context.Context, r *remote.Registry, name string) (*index.Package, error) {
	p, err := r.Snapshot.Package(ctx, name)
	if fault.KindOf(err) == fault.NotFound && (fault.Of(err) == nil || len(fault.Of(err).Help) == 0) {
		return nil, nil
	}
	return p, err
}

// alreadyPublished answers for a version that exists: the same content is success, other content never is.
func (a *app) alreadyPublished(r *remote.Registry, release *index.Release, d *publish.Draft) error {
	result := publishResult{Name: d.Name, Version: d.Publish.Version.String(), Registry: r.ID(), State: "published", Checksum: d.Archive.Digest, Size: d.Archive.Size}
	if release.Publish != nil {
		same, err := a.sameContent(r, release, d)
		if err != nil {
			return err
		}
		if same {
			a.Status("Finished", "%s %s is published already, with the same content", d.Name, d.Publish.Version)
			return a.Result("publish", result, nil)
		}
	}
	return fault.New(fault.Negative, "version-taken", "%s %s is published already, with other content", d.Name, d.Publish.Version).
		WithFact("published %s", release.Publish.Checksum).WithFact("yours     %s", d.Archive.Digest).
		WithFact("versions are immutable").WithHelp("raise the version in gal.toml")
}

// sameContent compares a draft with what is published: by digest, else by the tar inside, because another release of the
// compressor may write other bytes for the same files.
func (a *app) sameContent(r *remote.Registry, release *index.Release, d *publish.Draft) (bool, error) {
	if string(release.Publish.Checksum) == d.Archive.Digest {
		return true, nil
	}
	for _, url := range r.URLs(d.Name, release.Publish) {
		data, err := a.read(r, url, archive.MaxPacked)
		if err != nil {
			continue
		}
		if index.DigestOf(data) != release.Publish.Checksum {
			return false, nil
		}
		digest, err := archive.TarDigest(bytes.NewReader(data))
		return err == nil && digest == d.Archive.TarDigest, nil
	}
	return false, nil
}

// read reads a URL or a local file.
func (a *app) read(r *remote.Registry, place string, limit int64) ([]byte, error) {
	if filepath.IsAbs(place) {
		return atomicfile.Read(place, limit)
	}
	response, err := r.Client.Get(a.ctx, place, web.GetOptions{MaxBytes: limit})
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// online is the error of what cannot be done with --offline.
func (a *app) online() error {
	if a.g.Offline {
		return fault.New(fault.Network, "offline", "a proposal cannot be made with --offline")
	}
	return nil
}

// desk opens the side of a registry that takes proposals.
func (a *app) desk(r *remote.Registry) (*publish.Index, error) {
	dirs, err := a.dirs()
	if err != nil {
		return nil, err
	}
	config := r.Snapshot.Config()
	return publish.Open(a.ctx, publish.Remote{
		Git: r.Location.GitURL(config), Upload: r.Location.UploadURL(config), Client: r.Client, AllowInsecure: r.Spec.AllowInsecure,
		Dir: filepath.Join(dirs.Cache, "index", r.ID()+"-main"), Scratch: filepath.Join(dirs.Cache, "tmp"),
	})
}

func (a *app) alreadyProposed(desk *publish.Index, r *remote.Registry, d *publish.Draft) (bool, error) {
	pending, err := desk.Pending(a.ctx, d.Name)
	if err != nil {
		return false, err
	}
	for _, p := range pending {
		for _, l := range p.Lines {
			body, ok := l.Body.(*index.Publish)
			if !ok || !body.Version.Equal(d.Publish.Version) {
				continue
			}
			if string(body.Checksum) == d.Archive.Digest {
				a.Status("Finished", "%s %s is proposed already: %s", d.Name, body.Version, p.Branch)
				return true, a.Result("publish", publishResult{
					Name: d.Name, Version: body.Version.String(), Registry: r.ID(), State: "waiting", Checksum: d.Archive.Digest, Size: d.Archive.Size, Branch: p.Branch,
				}, nil)
			}
			a.Warn("another proposal for %s %s is open, with other content: %s; the first to be merged wins", d.Name, body.Version, p.Branch)
		}
	}
	return false, nil
}

// author is the publisher that signs, with the key opened.
func (a *app) author(s signing) (publish.Author, error) {
	var author publish.Author
	config, err := a.config()
	if err != nil {
		return author, err
	}
	values := config.Values()
	if s.As == "" {
		s.As = values.Publisher
	}
	if s.Sign == "" {
		s.Sign = values.SigningKey
	}
	if s.Sign == "" {
		s.Sign = a.defaultKey()
	}
	if s.As == "" {
		return author, fault.New(fault.Usage, "no-publisher", "who publishes is not known").
			WithHelp("gal-pkg config set publisher ID      # your id in registries").WithHelp("or pass --as ID")
	}
	if s.Sign == "" {
		return author, fault.New(fault.Usage, "no-key", "there is no key to sign with").
			WithHelp("gal-pkg keygen --output KEY.pem").WithHelp("gal-pkg config set signing.key KEY.pem")
	}
	key, err := sign.LoadKeyFile(s.Sign, func() ([]byte, error) { return a.passphrase(s.PassphraseFile) })
	if err != nil {
		return author, err
	}
	a.Debug("%12s with key %s (%s)", "Signing", key.Public().Hint(), s.Sign)
	return publish.Author{ID: s.As, Key: key, Random: rand.Reader, Now: a.now()}, nil
}

// defaultKey is where keygen puts a key that is not told where to go, "" where there is none.
func (a *app) defaultKey() string {
	dirs, err := a.dirs()
	if err != nil {
		return ""
	}
	file := filepath.Join(dirs.Config, "keys", "default.pem")
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}

// passphrase comes from a file, else from the environment, else from the terminal.
func (a *app) passphrase(file string) ([]byte, error) {
	if file != "" {
		data, err := atomicfile.Read(file, 4<<10)
		return bytes.TrimRight(data, "\r\n"), err
	}
	if text := a.sys.env("GAL_KEY_PASSPHRASE"); text != "" {
		return []byte(text), nil
	}
	text, err := a.secret("passphrase of the signing key", "set GAL_KEY_PASSPHRASE, or pass --passphrase-file FILE")
	return []byte(text), err
}

// lines are what is proposed: the registration of a publisher that the registry does not know, and the version.
func (c *publishCmd) lines(a *app, r *remote.Registry, author publish.Author, pkg *index.Package, draft *publish.Draft) ([]*index.Line, error) {
	lines, err := a.registration(r, author, c.Contact)
	if err != nil {
		return nil, err
	}
	line, err := author.Publish(r.ID(), pkg, draft)
	return append(lines, line), err
}

// registration is the line that makes the author known, where the registry does not know them; a key that is not one of
// theirs is told here and not by the gate.
func (a *app) registration(r *remote.Registry, author publish.Author, contact string) ([]*index.Line, error) {
	publisher, err := r.Snapshot.Publisher(a.ctx, author.ID)
	if err != nil {
		return nil, err
	}
	if !publisher.Exists() {
		line, err := author.Register(r.ID(), contact, nil)
		return []*index.Line{line}, err
	}
	key := publisher.Key(author.Key.Public().Hint())
	switch {
	case key == nil:
		return nil, fault.New(fault.Auth, "key-unknown", "the key is not one of publisher %s in %s", author.ID, r.ID()).
			WithFact("yours %s", author.Key.Public().Hint()).WithHelp("gal-pkg publish --sign FILE --as ID")
	case key.IsRevoked():
		return nil, fault.New(fault.Auth, "key-revoked", "the key of publisher %s was revoked in %s", author.ID, r.ID()).
			WithFact("yours %s", author.Key.Public().Hint())
	}
	return nil, nil
}

// propose judges lines with the registry's own gate and, unless it is a dry run, uploads and pushes them.
func (a *app) propose(desk *publish.Index, r *remote.Registry, author publish.Author, lines []*index.Line, packed *archive.Archive, result *publishResult, dryRun bool, wait time.Duration) error {
	report, err := a.judge(desk, r, lines, packed)
	if err != nil {
		return err
	}
	result.Gate = report
	if report.Verdict == gate.Fail {
		return refused(report)
	}
	if dryRun {
		result.State = "dry-run"
		a.Status("Finished", "dry run: the gate says %s; nothing was written", report.Verdict)
		return a.Result("publish", result, nil)
	}
	if packed != nil {
		a.Status("Uploading", "%s", index.ArchiveName(result.Name, result.Version))
		if err := desk.PutArchive(a.ctx, packed); err != nil {
			return err
		}
	}
	last := lines[len(lines)-1]
	result.title = fmt.Sprintf("%s: %s %s", last.Subject, last.Event, last.Version())
	proposal, err := desk.Propose(a.ctx, author, r.ID(), lines, result.title)
	if err != nil {
		return err
	}
	result.State, result.Branch, result.Commit = "proposed", proposal.Branch, proposal.Commit
	a.Status("Proposed", "%s in %s", proposal.Branch, r.ID())
	return a.answered(r, last, result, wait)
}

// refused is the error of lines that the gate does not let in, with everything it found.
func refused(report *gate.Report) error {
	err := fault.New(fault.Negative, "gate-refused", "the registry's gate does not let this in")
	for _, f := range report.Findings {
		err.WithFact("%s %s: %s", f.ID, f.Verdict, f.Message)
		if f.Fix != "" {
			err.WithHelp("%s", f.Fix)
		}
	}
	return err
}

// judge runs the registry's gate here, on what would be proposed.
func (a *app) judge(desk *publish.Index, r *remote.Registry, lines []*index.Line, packed *archive.Archive) (*gate.Report, error) {
	paths := []string{index.ConfigPath, index.AccessPath, "reserved.txt"}
	for _, l := range lines {
		paths = append(paths, index.SubjectPath(l.Event, l.Subject))
	}
	files, err := desk.Files(a.ctx, paths)
	if err != nil {
		return nil, err
	}
	config, err := index.ParseConfig(files[index.ConfigPath])
	if err != nil {
		return nil, err
	}
	access, err := index.ParseAccess(files[index.AccessPath])
	if err != nil {
		return nil, err
	}
	changes := map[string]*gate.Change{}
	var list []gate.Change
	for _, l := range lines {
		path := index.SubjectPath(l.Event, l.Subject)
		if changes[path] == nil {
			changes[path] = &gate.Change{Path: path, Regular: true, Old: files[path], New: bytes.Clone(files[path])}
		}
		changes[path].New = append(append(changes[path].New, l.Bytes()...), '\n')
	}
	for _, c := range changes {
		list = append(list, *c)
	}
	report, _ := gate.Judge(list, gate.Rules{
		Config: config, Access: access, Reserved: strings.Fields(string(files["reserved.txt"])),
		Ledger: build.NewLedger(r.ID(), published{a, r}, lastLog), Now: a.now(),
		Archive: func(d index.Digest) ([]byte, error) {
			if packed == nil || string(d) != packed.Digest {
				return nil, fs.ErrNotExist
			}
			return packed.Bytes, nil
		},
		Known: func(name string) (bool, error) {
			p, err := known(a.ctx, r, name)
			return p != nil && p.Name == name, err
		},
	})
	return report, nil
}

// lastLog is a log index behind every one that a registry has given out: where a line that is not merged yet is judged.
const lastLog = 1 << 52

// published is the registry's published tree, for the gate.
type published struct {
	a *app
	r *remote.Registry
}

func (p published) ReadFile(path string) ([]byte, error) {
	files, err := p.r.Snapshot.Files(p.a.ctx, []string{path})
	if err != nil {
		return nil, err
	}
	data, ok := files[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return data, nil
}

// answered looks for the registry's answer and, with a duration, waits for it.
func (a *app) answered(r *remote.Registry, line *index.Line, result *publishResult, wait time.Duration) error {
	deadline := a.now().Add(wait)
	for {
		outcome, err := a.answer(r, line)
		if err != nil {
			return err
		}
		if outcome != nil {
			return a.outcome(outcome, result)
		}
		if !a.now().Before(deadline) {
			break
		}
		select {
		case <-time.After(2 * time.Second):
		case <-a.ctx.Done():
			return a.ctx.Err()
		}
	}
	a.Note("it is available after the merge; the registry's operator runs gal-registry gate --merge")
	return a.Result("publish", result, func(w io.Writer) { fmt.Fprintln(w, result.Branch) })
}

func (a *app) answer(r *remote.Registry, line *index.Line) (*site.Outcome, error) {
	if r.Location.Tree == "" {
		return nil, nil
	}
	place := r.Location.Tree + "/" + index.GatePath(line.Subject, line.Digest().Hex()[:16])
	data, err := a.read(r, place, 1<<20)
	if fault.KindOf(err) == fault.NotFound || os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var o site.Outcome
	if err := json.Unmarshal(data, &o); err != nil || o.Report == nil {
		return nil, fault.New(fault.Network, "bad-answer", "the registry's answer at %s is no gate report", place)
	}
	return &o, nil
}

func (a *app) outcome(o *site.Outcome, result *publishResult) error {
	result.Gate = o.Report
	switch o.Report.Verdict {
	case gate.Fail:
		return refused(o.Report)
	case gate.Human:
		result.State = "waiting"
		for _, f := range o.Report.Findings {
			a.Note("%s: %s", f.ID, f.Message)
		}
	default:
		result.State, result.Commit = "merged", o.Merged
		a.Status("Merged", "%s", result.title)
	}
	return a.Result("publish", result, func(w io.Writer) { fmt.Fprintln(w, result.Branch) })
}
