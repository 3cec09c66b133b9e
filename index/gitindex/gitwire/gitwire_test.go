package gitwire_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index/gitindex/gitwire"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

const (
	idA = "0a00000000000000000000000000000000000000"
	idB = "0b00000000000000000000000000000000000000"
)

// pkt writes lines as git does; "" stands for 0000 and "|" for 0001.
func pkt(lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		switch l {
		case "":
			b.WriteString("0000")
		case "|":
			b.WriteString("0001")
		default:
			fmt.Fprintf(&b, "%04x%s", len(l)+4, l)
		}
	}
	return b.String()
}

func hash(t testing.TB, id string) gitrepo.Hash {
	h, err := gitrepo.ParseHash(id)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestReadGreeting(t *testing.T) {
	const v0 = "side-band-64k shallow filter thin-pack symref=HEAD:refs/heads/main object-format=sha1"
	service := "# service=git-upload-pack\n"
	for name, test := range map[string]struct {
		said    string
		want    string // version, whether it filters, format, refs
		refused bool
	}{
		"v2":               {pkt("version 2\n", "agent=git/2\n", "fetch=shallow filter\n", "object-format=sha1\n", ""), "2 true sha1 []", false},
		"v2, no filter":    {pkt("version 2\n", "fetch=shallow\n", ""), "2 false sha1 []", false},
		"v2, with service": {pkt(service, "", "version 2\n", "ls-refs\n", ""), "2 false sha1 []", false},
		"v2, no end":       {pkt("version 2\n", "fetch=shallow\n"), "", true},
		"v2, sha256":       {pkt("version 2\n", "object-format=sha256\n", ""), "2 false sha256 []", false},
		"v2, endless":      {pkt("version 2\n") + strings.Repeat(pkt("x\n"), 1000) + "0000", "", true},
		"v0": {pkt(service, "", idA+" HEAD\x00"+v0+"\n", idA+" refs/heads/main\n", idB+" refs/tags/v1\n", idA+" refs/tags/v1^{}\n", ""),
			"0 true sha1 [HEAD:0a refs/heads/main:0a refs/tags/v1:0b:0a]", false},
		"v0, empty":               {pkt(service, "", strings.Repeat("0", 40)+" capabilities^{}\x00"+v0+"\n", ""), "0 true sha1 []", false},
		"v0, nothing":             {pkt(service, "", ""), "0 false sha1 []", false},
		"v0, shallow":             {pkt(idA+" HEAD\x00\n", "shallow "+idB+"\n", ""), "0 false sha1 [HEAD:0a]", false},
		"v0, short id":            {pkt("0a HEAD\x00\n", ""), "", true},
		"v0, no name":             {pkt(idA+" \x00\n", ""), "", true},
		"v0, cut off":             {pkt(idA + " HEAD\x00\n"), "", true},
		"v0, a section":           {pkt(idA+" HEAD\x00\n", "|", ""), "", true},
		"the dumb protocol":       {idA + "\trefs/heads/main\n", "", true},
		"a page":                  {"<html>", "", true},
		"nothing":                 {"", "", true},
		"half a line":             {"00ffabc", "", true},
		"a line of three":         {"0003", "", true},
		"a sign for the length":   {"+005x", "", true},
		"a line that is too long": {"ffff" + strings.Repeat("x", 0xffff), "", true},
		"an error":                {pkt("ERR no such thing\n"), "", true},
	} {
		g, err := gitwire.ReadGreeting(strings.NewReader(test.said))
		if (err != nil) != test.refused {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err != nil {
			if !known(err) {
				t.Errorf("%s: an error of no kind: %v", name, err)
			}
			continue
		}
		refs := []string{}
		for _, r := range g.Refs {
			text := r.Name + ":" + r.Object.String()[:2]
			if !r.Peeled.IsZero() {
				text += ":" + r.Peeled.String()[:2]
			}
			refs = append(refs, text)
		}
		if got := fmt.Sprintf("%d %v %s %v", g.Version, g.Filters(), g.ObjectFormat(), refs); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// known reports whether an error is one of those that the package speaks of.
func known(err error) bool {
	var said *gitwire.ServerError
	return errors.Is(err, gitwire.ErrMalformed) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &said)
}

func greet(t testing.TB, said string) gitwire.Greeting {
	g, err := gitwire.ReadGreeting(strings.NewReader(said))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

const (
	able2 = "fetch=shallow filter\n"
	able0 = "side-band-64k ofs-delta no-progress shallow filter thin-pack"
)

func TestRequest(t *testing.T) {
	a, b := hash(t, idA), hash(t, idB)
	v2 := greet(t, pkt("version 2\n", able2, "object-format=sha1\n", ""))
	poor2 := greet(t, pkt("version 2\n", "fetch=\n", ""))
	v0 := greet(t, pkt(idA+" HEAD\x00"+able0+"\n", ""))
	poor0 := greet(t, pkt(idA+" HEAD\x00\n", ""))
	update := gitwire.Fetch{Wants: []gitrepo.Hash{a}, Depth: 1, Filter: gitwire.NoFiles, Have: b}
	files := gitwire.Fetch{Wants: []gitrepo.Hash{a, b}}
	byID := gitwire.Fetch{Wants: []gitrepo.Hash{a}, Filter: gitwire.NoFiles, Edge: b}
	head2 := []string{"command=fetch\n", "agent=gal-pkg\n", "object-format=sha1\n", "|"}
	for name, test := range map[string]struct {
		ask  gitwire.Fetch
		of   gitwire.Greeting
		want []string
	}{
		"update, v2": {update, v2, append(head2, "thin-pack\n", "ofs-delta\n", "no-progress\n", "want "+idA+"\n", "shallow "+idB+"\n", "deepen 1\n",
			"filter blob:none\n", "have "+idB+"\n", "done\n", "")},
		"files, v2":      {files, v2, append(head2, "ofs-delta\n", "no-progress\n", "want "+idA+"\n", "want "+idB+"\n", "done\n", "")},
		"by id, v2":      {byID, v2, append(head2, "ofs-delta\n", "no-progress\n", "want "+idA+"\n", "shallow "+idB+"\n", "filter blob:none\n", "done\n", "")},
		"by id, poor v2": {byID, poor2, []string{"command=fetch\n", "agent=gal-pkg\n", "|", "ofs-delta\n", "no-progress\n", "want " + idA + "\n", "done\n", ""}},
		"by id, v0": {byID, v0, []string{"want " + idA + " side-band-64k ofs-delta no-progress shallow filter agent=gal-pkg\n", "shallow " + idB + "\n",
			"filter blob:none\n", "", "done\n"}},
		"update, poor v2": {update, poor2, []string{"command=fetch\n", "agent=gal-pkg\n", "|", "ofs-delta\n", "no-progress\n", "want " + idA + "\n", "done\n", ""}},
		"update, v0": {update, v0, []string{"want " + idA + " thin-pack side-band-64k ofs-delta no-progress shallow filter agent=gal-pkg\n", "shallow " + idB + "\n",
			"deepen 1\n", "filter blob:none\n", "", "have " + idB + "\n", "done\n"}},
		"files, v0":       {files, v0, []string{"want " + idA + " side-band-64k ofs-delta no-progress agent=gal-pkg\n", "want " + idB + "\n", "", "done\n"}},
		"update, poor v0": {update, poor0, []string{"want " + idA + " agent=gal-pkg\n", "", "done\n"}},
	} {
		if got, want := string(test.ask.Request(test.of)), pkt(test.want...); got != want {
			t.Errorf("%s:\n got %q\nwant %q", name, got, want)
		}
	}
	if got, want := string(gitwire.ListRequest("HEAD", "refs/tags/")), pkt("command=ls-refs\n", "agent=gal-pkg\n", "|", "peel\n", "ref-prefix HEAD\n", "ref-prefix refs/tags/\n", ""); got != want {
		t.Errorf("list: %q, want %q", got, want)
	}
}

func TestReadRefs(t *testing.T) {
	refs, err := gitwire.ReadRefs(strings.NewReader(pkt(idA+" refs/heads/main\n", idB+" refs/tags/v1 peeled:"+idA+"\n", idA+" HEAD symref-target:refs/heads/main\n", "")))
	want := []gitwire.Ref{{"refs/heads/main", hash(t, idA), gitrepo.Hash{}}, {"refs/tags/v1", hash(t, idB), hash(t, idA)}, {"HEAD", hash(t, idA), gitrepo.Hash{}}}
	if err != nil || fmt.Sprint(refs) != fmt.Sprint(want) {
		t.Errorf("%v, %v", refs, err)
	}
	for _, said := range []string{"", pkt(idA + " refs/heads/main\n"), pkt("x refs/heads/main\n", ""), pkt(idA+"\n", ""), pkt(idA+" \n", ""),
		pkt(idA+" refs/tags/v1 peeled:xyz\n", ""), pkt("|", ""), pkt("ERR no\n", "")} {
		if refs, err := gitwire.ReadRefs(strings.NewReader(said)); err == nil || !known(err) {
			t.Errorf("%q: %v, %v", said, refs, err)
		}
	}
}

func TestReadPack(t *testing.T) {
	v2 := greet(t, pkt("version 2\n", able2, ""))
	v0 := greet(t, pkt(idA+" HEAD\x00"+able0+"\n", ""))
	raw := greet(t, pkt(idA+" HEAD\x00\n", ""))
	deep, flat := gitwire.Fetch{Depth: 1}, gitwire.Fetch{}
	for name, test := range map[string]struct {
		ask  gitwire.Fetch
		of   gitwire.Greeting
		said string
		want string // "" where it is refused
	}{
		"v2":                       {flat, v2, pkt("packfile\n", "\x02counting", "\x01PA", "\x01CK", ""), "PACK"},
		"v2, with an edge":         {deep, v2, pkt("shallow-info\n", "shallow "+idA+"\n", "|", "packfile\n", "\x01PACK", ""), "PACK"},
		"v2, with acks":            {deep, v2, pkt("acknowledgments\n", "NAK\n", "|", "packfile\n", "\x01PACK", ""), "PACK"},
		"v2, no pack":              {flat, v2, pkt("acknowledgments\n", "NAK\n", ""), ""},
		"v2, cut off":              {flat, v2, pkt("packfile\n", "\x01PACK"), ""},
		"v2, band 3":               {flat, v2, pkt("packfile\n", "\x01PA", "\x03disk full", ""), ""},
		"v2, band 4":               {flat, v2, pkt("packfile\n", "\x04PA", ""), ""},
		"v2, no band":              {flat, v2, pkt("packfile\n") + "0004" + "0000", ""},
		"v2, a section in a pack":  {flat, v2, pkt("packfile\n", "\x01PA", "|", "\x01CK", ""), ""},
		"v2, refused":              {flat, v2, pkt("ERR upload-pack: not our ref " + idA + "\n"), ""},
		"v0":                       {flat, v0, pkt("NAK\n", "\x02counting", "\x01PACK", ""), "PACK"},
		"v0, with an edge":         {deep, v0, pkt("shallow "+idA+"\n", "unshallow "+idB+"\n", "", "ACK "+idA+"\n", "\x01PACK", ""), "PACK"},
		"v0, an edge without end":  {deep, v0, pkt("shallow "+idA+"\n", "NAK\n", "\x01PACK", ""), ""},
		"v0, no pack":              {flat, v0, pkt("NAK\n", ""), ""},
		"v0, cut off":              {flat, v0, pkt("NAK\n", "\x01PACK"), ""},
		"v0, band 3 at once":       {flat, v0, pkt("NAK\n", "\x03no", ""), ""},
		"v0, a pack out of band":   {flat, v0, pkt("NAK\n") + "PACK", ""},
		"v0 without bands":         {flat, raw, pkt("NAK\n") + "PACK and so on", "PACK and so on"},
		"v0 without bands, framed": {flat, raw, pkt("NAK\n", "\x01PACK", ""), ""},
	} {
		r, err := test.ask.ReadPack(test.of, strings.NewReader(test.said))
		var got []byte
		if err == nil {
			got, err = io.ReadAll(r)
		}
		if (err != nil) != (test.want == "") || err == nil && string(got) != test.want || err != nil && !known(err) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// FuzzGreeting: what is accepted ends where it says, so that no part of it alone is accepted, and nothing behind it is
// touched.
func FuzzGreeting(f *testing.F) {
	f.Add([]byte(pkt("version 2\n", able2, "")))
	f.Add([]byte(pkt("# service=git-upload-pack\n", "", idA+" HEAD\x00"+able0+"\n", idB+" refs/tags/v1\n", idA+" refs/tags/v1^{}\n", "")))
	f.Add([]byte("0000"))
	f.Fuzz(func(t *testing.T, said []byte) {
		src := bytes.NewReader(append(bytes.Clone(said), "behind"...))
		g, err := gitwire.ReadGreeting(src)
		if err != nil {
			if !known(err) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		used := len(said) + len("behind") - src.Len()
		if used > len(said) {
			return // what stood behind was a part of it
		}
		if again, err := gitwire.ReadGreeting(bytes.NewReader(said[:used])); err != nil || fmt.Sprint(again) != fmt.Sprint(g) {
			t.Errorf("by itself: %v, %v", again, err)
		}
		if _, err := gitwire.ReadGreeting(bytes.NewReader(said[:used-1])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("without its end: %v", err)
		}
	})
}

// FuzzPack: however a pack is cut into lines, it comes out as it was; with a byte less, never.
func FuzzPack(f *testing.F) {
	f.Add([]byte("PACK and so on"), uint16(3), true)
	f.Add([]byte{}, uint16(1), false)
	f.Add(bytes.Repeat([]byte{1, 2, 3}, 50_000), uint16(65_515), true)
	v2 := greet(f, pkt("version 2\n", able2, ""))
	f.Fuzz(func(t *testing.T, pack []byte, size uint16, talk bool) {
		step := min(int(size)+1, 65_515)
		if len(pack)/step > 10_000 {
			return
		}
		lines := []string{"packfile\n"}
		for rest := pack; len(rest) > 0; {
			n := min(step, len(rest))
			lines = append(lines, "\x01"+string(rest[:n]))
			if talk {
				lines = append(lines, "\x02...")
			}
			rest = rest[n:]
		}
		said := pkt(append(lines, "")...)
		for cut := range 2 {
			src := strings.NewReader(said[:len(said)-cut])
			r, err := gitwire.Fetch{}.ReadPack(v2, src)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if !bytes.Equal(got, pack) || (err != nil) != (cut == 1) || src.Len() != 0 {
				t.Errorf("cut by %d: %d bytes of %d, %v", cut, len(got), len(pack), err)
			}
		}
	})
}
