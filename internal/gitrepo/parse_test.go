package gitrepo

import (
	"bytes"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// FuzzParseTree: what is accepted is written back as the same bytes.
func FuzzParseTree(f *testing.F) {
	id := string(make([]byte, 20))
	f.Add([]byte("100644 a\x00" + id + "40000 b\x00" + id))
	f.Add([]byte("40000 a\x00" + id + "100644 a.b\x00" + id))
	f.Add([]byte("100644 .git\x00" + id))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseTree(data)
		if err != nil {
			return
		}
		if again := encodeTree(entries); !bytes.Equal(again, data) {
			t.Errorf("%q became %q", data, again)
		}
		for _, e := range entries {
			if CheckPath(e.name) != nil {
				t.Errorf("entry %q is no path", e.name)
			}
		}
	})
}

// FuzzParseCommit: the signed bytes of a commit without a signature are the commit, and those of any other are one
// without a signature that says the same.
func FuzzParseCommit(f *testing.F) {
	head := "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n"
	f.Add([]byte(head + "\nmessage\n"))
	f.Add([]byte(head + "gpgsig a\n b\nother c\n d\n\nmessage\n"))
	f.Add([]byte(head + " continued\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseCommit(Hash{}, data)
		if err != nil {
			return
		}
		if len(c.Signature) == 0 && !bytes.Equal(c.Signed, data) {
			t.Errorf("%q is signed as %q", data, c.Signed)
		}
		bare, err := parseCommit(Hash{}, c.Signed)
		if err != nil || len(bare.Signature) != 0 || bare.Tree != c.Tree || bare.Message != c.Message || bare.Author != c.Author {
			t.Errorf("%q: %v, %+v", c.Signed, err, bare)
		}
	})
}

// TestBudgetOfEntries: the last entry that is allowed, and the first that is not.
func TestBudgetOfEntries(t *testing.T) {
	b := (&Repo{}).budget(t.Context(), Hash{1})
	b.entries = MaxEntries - 1
	if err := b.entry("a"); err != nil {
		t.Errorf("entry %d: %v", b.entries, err)
	}
	if err := b.entry("a"); fault.KindOf(err) != fault.Integrity {
		t.Errorf("entry %d: %v", b.entries, err)
	}
}
