package index_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index"
)

// A line of each event, in canonical form. The keys and signatures are well formed and sign nothing.
var goodLines = []string{
	`{"v":1,"event":"publish","name":"actor-utils","version":"1.2.3","checksum":"sha256:` + hex64 + `","size":10,"unpacked":20,` + tail,
	`{"v":1,"event":"publish","name":"company/wire","version":"0.1.0-rc.1","checksum":"sha256:` + hex64 + `","size":1,"unpacked":1,` +
		`"dependencies":[{"name":"rand","requirement":"^0.8","features":["std"],"default-features":false,"optional":true,"registry":"other.example","package":"rand-core"},` +
		`{"name":"codegen","requirement":">=1.0, <2.0","kind":"build"}],"features":{"default":[],"full":["dep:rand","x?/y"]},"gal-version":"1.0.0",` +
		`"edition":"2024","license":"MIT OR Apache-2.0","links":"wire","level":"reflective","ruleset":3,"capabilities":["files","reflect"],` +
		`"urls":["https://cdn.example/x.tar.zst"],"about":{"description":"a \"quoted\" text\nwith é","keywords":["a"],"categories":["b"],"authors":["C <c@d>"],` +
		`"repository":"https://r","homepage":"https://h","documentation":"https://d"},` + tail,
	`{"v":1,"event":"yank","name":"a","version":"1.0.0","class":"security","reason":"leaks","advisory":"x_GAL-2026-0001",` + tail,
	`{"v":1,"event":"unyank","name":"a","version":"1.0.0",` + tail,
	`{"v":1,"event":"deprecate","name":"a","message":"old","replacement":"b",` + tail,
	`{"v":1,"event":"deprecate","name":"a",` + tail,
	`{"v":1,"event":"owners","name":"a","owners":["ada","grace"],"threshold":2,"reason":"two",` + tail,
	`{"v":1,"event":"tombstone","name":"a","reason":"over",` + tail,
	`{"v":1,"event":"recover","name":"a","owners":["ada"],"threshold":1,"root":1,"by":"@root",` + tail[len(`"by":"ada",`):],
	`{"v":1,"event":"revoke-key","id":"ada","key":"` + hint + `","compromised-since":0,` + tail,
	`{"v":1,"event":"add-identity","id":"ada","issuer":"https://i","subject":"s",` + tail,
	`{"v":1,"event":"remove-identity","id":"ada","issuer":"https://i","subject":"s",` + tail,
}

const (
	hex64 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	hint  = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	tail  = `"by":"ada","after":"sha256:` + hex64 + `","until":"2026-12-01T00:00:00Z","sig":{"key":"` + hint + `","value":"MAYCAQECAQE="}}`
)

func TestLinesComeBack(t *testing.T) {
	var d index.Decoder
	for _, text := range goodLines {
		l, err := d.Decode([]byte(text))
		if err != nil {
			t.Errorf("%v\n%s", err, text)
			continue
		}
		if string(l.Bytes()) != text {
			t.Errorf("comes back as\n%s\nnot\n%s", l.Bytes(), text)
		}
	}
}

func TestLinesRefused(t *testing.T) {
	good := goodLines[0]
	replace := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the line", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for _, row := range []struct{ why, line string }{
		{"a space", replace(`"v":1,`, `"v": 1,`)},
		{"a trailing byte", good + " "},
		{"members out of order", replace(`"size":10,"unpacked":20`, `"unpacked":20,"size":10`)},
		{"a member twice", replace(`"size":10`, `"size":10,"size":10`)},
		{"a member twice but for its case", replace(`"checksum"`, `"Size":10,"checksum"`)},
		{"an unknown member", replace(`"size":10`, `"size":10,"colour":"red"`)},
		{"an unknown event", replace(`"event":"publish"`, `"event":"party"`)},
		{"an empty member", replace(`"size":10`, `"size":10,"license":""`)},
		{"an empty list", replace(`"unpacked":20`, `"unpacked":20,"capabilities":[]`)},
		{"a needless escape", replace("actor", `\u0061ctor`)},
		{"an escaped slash", replace(`"checksum":"sha256:`, `"checksum":"sha256\/:`)},
		{"a number as text", replace(`"size":10`, `"size":"10"`)},
		{"a leading zero", replace(`"size":10`, `"size":010`)},
		{"a negative number", replace(`"size":10`, `"size":-1`)},
		{"a fraction", replace(`"size":10`, `"size":1.5`)},
		{"a number beyond 2^53-1", replace(`"size":10`, `"size":9007199254740992`)},
		{"no size", replace(`"size":10,`, ``)},
		{"upper-case digits", replace(hex64, strings.ToUpper(hex64))},
		{"a short digest", replace(hex64, hex64[1:])},
		{"a partial version", replace("1.2.3", "1.2")},
		{"build metadata", replace("1.2.3", "1.2.3+b")},
		{"a name that climbs", replace("actor-utils", "../etc")},
		{"a reserved name", replace("actor-utils", "con")},
		{"a time with a zone", replace("00:00Z", "00:00+00:00")},
		{"a time that does not exist", replace("2026-12-01", "2026-13-01")},
		{"no until", replace(`"until":"2026-12-01T00:00:00Z",`, ``)},
		{"sig not last", replace(`"by":"ada",`, ``)[:1] + strings.Replace(good[1:], `}}`, `},"by":"ada"}`, 1)},
		{"loose base64", replace("MAYCAQECAQE=", "MAYCAQECAQF=")},
		{"no signature", replace(`"sig":{"key":"`+hint+`","value":"MAYCAQECAQE="}`, `"sig":{}`)},
		{"root without @root", replace(`"by":"ada"`, `"root":1,"by":"ada"`)},
		{"@root without root", replace(`"by":"ada"`, `"by":"@root"`)},
		{"a bidirectional control", replace("actor-utils", "a\u202e")},
		{"DEL in a text", replace(`"unpacked":20`, `"unpacked":20,"license":"`+"\x7f"+`"`)},
		{"bytes that are no UTF-8", replace(`"unpacked":20`, `"unpacked":20,"license":"`+"\xff"+`"`)},
		{"a line separator", replace(`"unpacked":20`, `"unpacked":20,"license":"`+"\u2028"+`"`)},
		{"a raw control character", replace(`"unpacked":20`, `"unpacked":20,"license":"`+"\t"+`"`)},
		{"level without ruleset", replace(`"unpacked":20`, `"unpacked":20,"level":"none"`)},
		{"dependencies out of order", replace(`"unpacked":20`, `"unpacked":20,"dependencies":[{"name":"b","requirement":"1"},{"name":"a","requirement":"1"}]`)},
		{"a dependency twice", replace(`"unpacked":20`, `"unpacked":20,"dependencies":[{"name":"a","requirement":"1"},{"name":"a","requirement":"2"}]`)},
		{"a requirement of npm", replace(`"unpacked":20`, `"unpacked":20,"dependencies":[{"name":"a","requirement":"^1 || ^2"}]`)},
		{"default-features true", replace(`"unpacked":20`, `"unpacked":20,"dependencies":[{"name":"a","requirement":"1","default-features":true}]`)},
		{"a line of 64 KiB", replace(`"unpacked":20`, `"unpacked":20,"license":"`+strings.Repeat("x", index.MaxLine)+`"`)},
		{"deep nesting", strings.Repeat("[", 1000)},
		{"nothing", ""},
	} {
		var d index.Decoder
		if l, err := d.Decode([]byte(row.line)); err == nil {
			t.Errorf("%s is accepted as\n%s", row.why, l.Bytes())
		}
	}
}

// A line of a newer version keeps what every version has, and its digest.
func TestNewerLine(t *testing.T) {
	text := `{"v":2,"event":"publish","name":"a","version":"2.0.0","colour":{"red":[1,true,{"x":"y"}]},` + tail
	var d index.Decoder
	l, err := d.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if l.V != 2 || l.Subject != "a" || l.Version() != "2.0.0" || l.By != "ada" {
		t.Errorf("read as %+v", l)
	}
	if _, err := d.Decode([]byte(strings.Replace(text, `"by":"ada",`, "", 1))); err == nil {
		t.Error("a newer line without by is accepted")
	}
}

// The digest can be recomputed with the tools of any system.
func TestDigestFromTheShell(t *testing.T) {
	var d index.Decoder
	for _, text := range goodLines {
		l, err := d.Decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		shell := exec.Command("sh", "-c", `sed -E 's/(.*),"sig":.*$/\1}/' | tr -d '\n' | sha256sum`)
		shell.Stdin = strings.NewReader(text + "\n")
		out, err := shell.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Fields(string(out))[0]; got != l.Digest().Hex() {
			t.Errorf("sha256sum says %s, we say %s", got, l.Digest())
		}
	}
}

func TestStampedFiles(t *testing.T) {
	stamp := func(at string, log string) string { return `{"v":1,"at":"` + at + `","log":` + log + "}\n" }
	line := goodLines[0] + "\n"
	first := stamp("2026-01-01T00:00:00Z", "4") + line
	for _, row := range []struct {
		why, text string
		ok        bool
	}{
		{"one entry", first, true},
		{"two entries", first + stamp("2026-01-01T00:00:00Z", "5") + line, true},
		{"nothing", "", true},
		{"the same log index", first + stamp("2026-01-01T00:00:00Z", "4") + line, false},
		{"a time that goes back", first + stamp("2025-12-31T23:59:59Z", "5") + line, false},
		{"two stamps", stamp("2026-01-01T00:00:00Z", "4") + stamp("2026-01-01T00:00:00Z", "5"), false},
		{"a line without a stamp", line, false},
		{"a stamp without a line", first + stamp("2026-01-01T00:00:00Z", "5"), false},
		{"no line feed at the end", strings.TrimSuffix(first, "\n"), false},
		{"a carriage return", strings.ReplaceAll(first, "\n", "\r\n"), false},
		{"a blank line", first + "\n", false},
		{"a byte order mark", "\ufeff" + first, false},
	} {
		var d index.Decoder
		_, err := d.ParseStamped("index/x", []byte(row.text))
		if (err == nil) != row.ok {
			t.Errorf("%s: %v", row.why, err)
		}
	}
}

// FuzzLine: whatever is accepted is exactly what is written again.
func FuzzLine(f *testing.F) {
	for _, text := range goodLines {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var d index.Decoder
		l, err := d.Decode(data)
		if err != nil {
			return
		}
		if !bytes.Equal(l.Bytes(), data) {
			t.Fatalf("%q comes back as %q", data, l.Bytes())
		}
		if l.V == index.LineVersion && l.Check() != nil {
			t.Fatalf("%q was read and does not pass its own check", data)
		}
	})
}

// FuzzSearchRow: a catalogue file that is accepted comes back in meaning.
func FuzzSearchRow(f *testing.F) {
	f.Add([]byte(`{"name":"a","version":"1.0.0","description":"x","keywords":["k"],"license":"MIT","updated":"2026-01-01T00:00:00Z"}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := index.ParseSearchRows("search/00.jsonl", data)
		if err != nil {
			return
		}
		for _, row := range rows {
			again, err := index.ParseSearchRows("search/00.jsonl", append(row.Bytes(), '\n'))
			if err != nil || len(again) != 1 || !bytes.Equal(again[0].Bytes(), row.Bytes()) {
				t.Fatalf("%q does not come back: %v", row.Bytes(), err)
			}
		}
	})
}
