package audit

import (
	"context"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/translog"
)

// checkPublishers checks the files of publishers and keeps what they fold to.
func (a *auditor) checkPublishers(ctx context.Context, paths []string) error {
	files, err := a.read(ctx, paths)
	if err != nil {
		return err
	}
	for _, path := range paths {
		data, ok := a.take(files, path)
		if !ok {
			a.unlisted(path)
			continue
		}
		p := a.foldPublisher(path, data)
		a.mu.Lock()
		if p != nil && a.publishers[p.ID] == nil {
			a.publishers[p.ID] = p
			a.report.Publishers++
		}
		a.mu.Unlock()
	}
	return nil
}

// foldPublisher checks a file's lines one by one; nil where nobody is registered in it.
func (a *auditor) foldPublisher(path string, data []byte) *index.Publisher {
	entries, err := new(index.Decoder).ParseStamped(path, data)
	if err != nil {
		a.find(LineBad, path, "%v", err)
	}
	if len(entries) == 0 {
		return nil
	}
	id := entries[0].Line.Subject
	if index.CheckID(id) != nil || index.PublisherPath(id) != path {
		a.find(LineDead, path, "the file is about %q", id)
		return nil
	}
	p := a.roots.NewPublisher(a.id, id)
	for _, e := range entries {
		obligations, err := p.Apply(e)
		a.checkLine(path, e, obligations, err)
	}
	return p
}

// checkPackages checks the files of packages.
func (a *auditor) checkPackages(ctx context.Context, paths []string) error {
	files, err := a.read(ctx, paths)
	if err != nil {
		return err
	}
	var decoder index.Decoder
	for _, path := range paths {
		data, ok := a.take(files, path)
		if !ok {
			a.unlisted(path)
			continue
		}
		entries, err := decoder.ParseStamped(path, data)
		if err != nil {
			a.find(LineBad, path, "%v", err)
		}
		if err := a.meet(ctx, index.Speakers(entries)); err != nil {
			return err
		}
		a.foldPackage(path, entries)
	}
	if a.o.Progress != nil {
		a.o.Progress(a.lines.Load())
	}
	return ctx.Err()
}

func (a *auditor) foldPackage(path string, entries []index.Entry) {
	key, _, _ := index.KeyOfPath(path)
	p := a.roots.NewPackage(a.id, key)
	for _, e := range entries {
		obligations, err := p.Apply(e, a.publisher)
		a.checkLine(path, e, obligations, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.report.Packages++
}

func (a *auditor) publisher(id string) *index.Publisher {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.publishers[id]
}

// meet reads the files of publishers whom only packages have told of. One batch at a time does, so that no other folds a
// package before its publishers are there.
func (a *auditor) meet(ctx context.Context, ids []string) error {
	if a.o.Paths != nil {
		return nil // all publishers were read first
	}
	a.meeting.Lock()
	defer a.meeting.Unlock()
	for _, id := range ids {
		path := index.PublisherPath(id)
		if a.met[path] {
			continue
		}
		if err := a.checkPublishers(ctx, []string{path}); err != nil {
			return err
		}
		a.met[path] = true
	}
	return nil
}

// checkLine checks the signatures of a line that has been folded, and its place in the log.
func (a *auditor) checkLine(path string, e index.Entry, obligations []index.Obligation, err error) {
	a.lines.Add(1)
	switch {
	case err != nil:
		a.find(LineDead, path, "the %s line of log index %d does not count: %v", e.Line.Event, e.Log, err)
		a.mark(e.Log) // what leaf it would be cannot be told: whose key it names is not settled
		return
	case len(obligations) == 0:
		a.find(LineNewer, path, "the line of log index %d has version %d", e.Log, e.Line.V)
		a.mark(e.Log)
		return
	}
	for _, o := range obligations {
		a.signatures.Add(1)
		if err := o.VerifyWith(a.bundles); err != nil {
			a.find(BadSignature, path, "the %s line of log index %d: %v", e.Line.Event, e.Log, fault.Of(err))
		}
	}
	body, err := obligations[0].Leaf(a.bundles)
	switch {
	case err != nil:
		a.find(BadSignature, path, "the %s line of log index %d: %v", e.Line.Event, e.Log, err)
	case e.Log >= int64(len(a.leaves)):
		a.find(NotLogged, path, "the %s line has log index %d, and the log has %d leaves", e.Line.Event, e.Log, len(a.leaves))
	case translog.HashLeaf(body) != a.leaves[e.Log]:
		a.find(NotLogged, path, "leaf %d of the log is not that of the %s line", e.Log, e.Line.Event)
	case !a.mark(e.Log):
		a.find(LoggedTwice, path, "another line has log index %d too", e.Log)
	}
}

// mark notes that a leaf has its line; false where it had one before.
func (a *auditor) mark(log int64) bool {
	return log < int64(len(a.seen)) && !a.seen[log].Swap(true)
}

// checkSeen looks for leaves that no line has led to. Where files could not be found it is their lines that are missing,
// and the report says so already.
func (a *auditor) checkSeen() {
	if a.report.Unnamed > 0 {
		return
	}
	for i := range a.seen {
		if !a.seen[i].Load() {
			a.find(NoLine, "", "leaf %d of the log is of no line of the index", i)
		}
	}
}
