package build_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/build"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// TestNotary: the metadata names the newest checkpoint alone, what it named before goes, and nothing else does.
func TestNotary(t *testing.T) {
	tree := sitetest.Files{}
	n := sitetest.Notary(t, tree)
	step := func(paths ...string) (targets, removed string) {
		t.Helper()
		changed := map[string]listing.File{}
		for _, path := range paths {
			name, gone := strings.CutPrefix(path, "-")
			changed[name] = listing.FileOf([]byte(path))
			if gone {
				changed[name] = listing.File{}
			}
		}
		out, err := n.Change(changed)
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(tree, out.Files)
		for _, path := range out.Removed {
			if strings.HasPrefix(path, listing.Dir) || strings.HasPrefix(path, tuf.Dir) {
				if tree[path] == nil {
					t.Errorf("%s goes and was not there", path)
				}
				delete(tree, path)
				continue
			}
			removed += path + " "
		}
		if n.State, err = build.OldState(tree); err != nil {
			t.Fatal(err)
		}
		all, err := tuf.TargetsOf(n.State)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(slices.Sorted(maps.Keys(all)), " "), removed
	}
	for _, test := range []struct {
		changed, targets, removed string
	}{
		{"registry.toml access.toml search/00.jsonl log/tile/0/000 log/checkpoint.9 log/checkpoint.10 log/checkpoint.2", "log/checkpoint.10 registry.toml shards/top", "log/checkpoint.2 log/checkpoint.9 "},
		{index.PackagePath("mailbox") + " log/checkpoint.11 trust/trusted_root.json", "log/checkpoint.11 registry.toml shards/top trust/trusted_root.json", "log/checkpoint.10 "},
		{"advisories/x.json", "log/checkpoint.11 registry.toml shards/top trust/trusted_root.json", ""},
		{"-advisories/x.json -trust/trusted_root.json", "log/checkpoint.11 registry.toml shards/top", ""},
	} {
		targets, removed := step(strings.Fields(test.changed)...)
		if targets != test.targets || removed != test.removed {
			t.Errorf("%s: targets %q, removed %q", test.changed, targets, removed)
		}
	}
	// Root, timestamp, snapshot, targets; three lists.
	if len(tree) != 7 {
		t.Errorf("%d files: %q", len(tree), slices.Sorted(maps.Keys(tree)))
	}
}
