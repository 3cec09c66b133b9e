package operator_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/tools/bench/graph"
	"github.com/geeknik/gal-pkg/tools/bench/operator"
	"github.com/geeknik/gal-pkg/tools/bench/world"
	"github.com/geeknik/gal-pkg/tools/site"
)

// A registry that was founded is one that clients read, with everything in it; and so it is after a publication.
func TestFound(t *testing.T) {
	dir := t.TempDir()
	w := world.New(1, world.Shape{Packages: 40, Versions: 300})
	var all []graph.Package
	for i := range w.Len() {
		all = append(all, w.Package(i))
	}
	if err := operator.Found(t.Context(), dir, slices.Values(all)); err != nil {
		t.Fatal(err)
	}
	o, err := operator.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	s := snapshot(t, o.Public())
	for _, want := range all {
		p, err := s.Package(t.Context(), want.Name)
		if err != nil || len(p.Releases) != len(want.Versions) || len(p.Dead) > 0 || p.Newest() == nil {
			t.Fatalf("%s: %+v, %v", want.Name, p, err)
		}
	}
	name := all[3].Name
	before, err := s.Package(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := o.Publish(t.Context(), name, all[4].Name); err != nil {
			t.Fatal(err)
		}
		build(t, o.Dir)
	}
	after, err := snapshot(t, o.Public()).Package(t.Context(), name)
	if err != nil || len(after.Releases) != len(before.Releases)+2 || !before.Newest().Version.Less(after.Newest().Version) {
		t.Errorf("%d releases, then %+v, %v", len(before.Releases), after, err)
	}
	found, err := snapshot(t, o.Public()).SearchPackages(t.Context(), name, 1, 10)
	if err != nil || found.Total == 0 || found.Rows[0].Version != after.Newest().Version.String() || found.Rows[0].Description == "" {
		t.Errorf("%+v, %v", found, err)
	}
}

func snapshot(t *testing.T, public string) *index.Snapshot {
	t.Helper()
	dir, err := index.OpenDir(public)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	s, err := index.Open(context.Background(), dir, index.Options{Pin: operator.ID})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func build(t *testing.T, dir string) {
	t.Helper()
	s, err := site.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if report, err := s.Build(t.Context(), time.Now()); err != nil || report.Lines == 0 || len(report.Dropped) > 0 {
		t.Fatalf("%+v, %v", report, err)
	}
}
