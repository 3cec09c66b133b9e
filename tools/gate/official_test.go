package gate_test

import (
	"crypto/rand"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// begin gives the world a root of trust with three root keys, of which two must sign.
func (w *world) begin() {
	w.Helper()
	w.keys = rootKeys(w)
	data, err := tuf.NewRoot(w.keys.Roles(2), tuf.RootOptions{Now: sitetest.Now}, w.keys.Root)
	if err != nil {
		w.Fatal(err)
	}
	root, err := tuf.ParseRoot(data)
	if err != nil {
		w.Fatal(err)
	}
	w.ledger.Roots = index.Roots{root}
}

func rootKeys(w *world) (k tuf.Keys) {
	w.Helper()
	for _, role := range []*[]*sign.PrivateKey{&k.Root, &k.Root, &k.Root, &k.Targets, &k.Snapshot, &k.Timestamp} {
		key, err := sign.Generate(rand.Reader)
		if err != nil {
			w.Fatal(err)
		}
		*role = append(*role, key)
	}
	return k
}

// official signs a line as @root or @registry, by the first n of its keys.
func (w *world) official(by string, k tuf.Keys, l *index.Line, n int) *index.Line {
	w.Helper()
	keys, root := k.Root, w.root
	if by == index.ByRegistry {
		keys = k.Targets
	}
	authors := make([]publish.Author, n)
	for i := range n {
		authors[i] = publish.Author{ID: by, Root: &root, Key: keys[i], Random: rand.Reader, Now: sitetest.Now}
	}
	return sitetest.Line(w)(authors[0].Sign(sitetest.ID, l, authors[1:]...))
}

func (w *world) recovery() *index.Line {
	return &index.Line{Event: index.EventRecover, Subject: "mailbox", Body: &index.Recover{Owners: []string{"bob"}, Threshold: 1, Reason: "gone"},
		After: w.state("mailbox").After(index.EventRecover, version.Version{}, index.ByRoot)}
}

func (w *world) yanking() *index.Line {
	one := version.MustParse("1.0.0")
	return &index.Line{Event: index.EventYank, Subject: "mailbox", Body: &index.Yank{Version: one, Class: "security", Reason: "steals"},
		After: w.state("mailbox").After(index.EventYank, one, index.ByRegistry)}
}
