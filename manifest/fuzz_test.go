package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"unicode/utf8"
)

// seeds are texts in many shapes for the fuzz targets of gal.toml.
func seeds() []string {
	return []string{
		"", "[package]\nname = \"x\"\nversion = \"1.0.0\"\n", workspaceRoot,
		"[package]\r\nname='x'\r\nversion.workspace=true\r\n[features]\r\na=[\"b\",\"dep:c\"]\r\n",
		"[chaos.profiles.a]\nmessage-drop-rate = 1\n[[chaos.profiles.a.fault_schedule]]\nfault_type='x'\ntrigger=\"cron:0 */5 * * * *\"\n",
		"dependencies = { a = { version = '1', features = [ 'x', # ]\n ] }, b.c.d = 1 }\n",
		"a = \"\"\"\n\\\"\"\"\" \\\n  x\"\"\"\nb = '''x'''''\nc = [[1], [2, [3]], {x = 1}]",
		"[dependencies.\"s/a\"]\nversion = \"1\"\n[[a.b]]\nc = 1979-05-27 07:32:00Z\nd = 0x1F\ne = -nan\n",
	}
}

// FuzzParse: a text is refused with problems that point into it, or gives a manifest that is the same a second time.
func FuzzParse(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse("gal.toml", data)
		if err != nil {
			var ps Problems
			if !errors.As(err, &ps) || len(ps) == 0 || ps.Fault() == nil {
				t.Fatalf("%T %v", err, err)
			}
			for _, p := range ps {
				if p.Line < 0 || p.Line > bytes.Count(data, []byte("\n"))+1 || p.Caret > utf8.RuneCountInString(p.Source) {
					t.Fatalf("%+v", p)
				}
			}
			return
		}
		again, err := Parse("gal.toml", data)
		if err != nil {
			t.Fatal(err)
		}
		a, errA := json.Marshal(m)
		b, errB := json.Marshal(again)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Fatalf("%s %v\n%s %v", a, errA, b, errB)
		}
	})
}

// FuzzEdit: adding a dependency to a text keeps every byte of it, and taking it out of the table it was added to
// gives the text back.
func FuzzEdit(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Open([]byte(text))
		if err != nil {
			return
		}
		w := e.walk([]string{"dependencies"})
		if len(w.rest) == 0 && w.last().node.kind != tableKind || e.Has("dependencies", "fuzz-made") {
			return
		}
		was := closed
		if len(w.rest) == 0 {
			was = w.last().node.form
		}
		if err := e.AddDependency("dependencies", "fuzz-made", spec("1")); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		if !insertion(text, string(e.Bytes())) {
			t.Fatalf("not an insertion: %q, %q", text, e.Bytes())
		}
		if err := e.RemoveDependency("dependencies", "fuzz-made"); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		if was == headed && string(e.Bytes()) != text {
			t.Fatalf("%q came back as %q", text, e.Bytes())
		}
	})
}

// FuzzLock: what the short way reads, the TOML parser reads as the same value; and every lock that is read is written
// as bytes that stay the same from then on.
func FuzzLock(f *testing.F) {
	f.Add([]byte(canonicalLock))
	f.Add([]byte("version = 1\nroot = \"\"\n"))
	f.Add([]byte("version = 1\nroot = 'r'\npackages = [{name = \"a\", version = \"1.0.0\"}]\n"))
	f.Add(bytes.ReplaceAll([]byte(canonicalLock), []byte("\n"), []byte("\r\n")))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := ParseLock("gal.lock", data)
		if err != nil {
			return
		}
		long, err := parseLockTOML(page{"gal.lock", data})
		if err != nil || !reflect.DeepEqual(l, long) {
			t.Fatalf("%v\n%+v\n%+v", err, l, long)
		}
		text := l.Format()
		again, err := ParseLock("gal.lock", text)
		if err != nil || !reflect.DeepEqual(l, again) || !bytes.Equal(again.Format(), text) {
			t.Fatalf("%v\n%s\n%+v\n%+v", err, text, l, again)
		}
		if _, ok := readCanonical(string(text)); !ok {
			t.Fatalf("not canonical: %s", text)
		}
	})
}

// FuzzRefs: what parses as a source or a reference is written as it was.
func FuzzRefs(f *testing.F) {
	f.Add("rand 0.9.0 (git+https://x/y?tag=v#1#" + commit + ")")
	f.Add("s/a 1.0.0-x+y (path+../a)")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := ParseRef(text); err == nil && r.String() != text {
			t.Fatalf("%q is %q", text, r.String())
		}
		if s, err := ParseSource(text); err == nil && s.String() != text {
			t.Fatalf("%q is %q", text, s.String())
		}
	})
}
