package listing

import (
	"bytes"
	"testing"
)

// FuzzTexts: what is accepted is what is written for its meaning.
func FuzzTexts(f *testing.F) {
	some := FileOf([]byte("x"))
	f.Add([]byte("shards 1 files 0\n-\n"), uint16(0), uint16(1))
	f.Add((&top{shards: 128, files: 9, pages: []File{some, {}}}).text(), uint16(0), uint16(2))
	f.Add(formatFiles([]File{some, {}, some}), uint16(0), uint16(3))
	f.Add(formatRows([]row{{hashOf("a"), some}}), uint16(0), uint16(1))
	f.Add([]byte("0 +1 -"), uint16(5), uint16(6))
	f.Fuzz(func(t *testing.T, text []byte, n, log uint16) {
		if parsed, err := parseTop(text); err == nil && !bytes.Equal(parsed.text(), text) {
			t.Errorf("top list: %q", parsed.text())
		}
		if parsed, err := parseFiles(text, int(log), MaxShard); err == nil && (len(parsed) != int(log) || !bytes.Equal(formatFiles(parsed), text)) {
			t.Errorf("files: %q", formatFiles(parsed))
		}
		count := 1 << (log % 13)
		rows, err := parseRows(text, int(n)%count, count)
		if err != nil {
			return
		}
		if !bytes.Equal(formatRows(rows), text) {
			t.Errorf("rows: %q", formatRows(rows))
		}
		for i, r := range rows {
			if at, found := findRow(rows, r.hash); !found || at != i {
				t.Errorf("row %d is found at %d, %v", i, at, found)
			}
		}
	})
}

// FuzzUnpack: frames of others are read within the limit or refused.
func FuzzUnpack(f *testing.F) {
	var c coder
	for _, text := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("0"), MaxShard), bytes.Repeat([]byte("0"), MaxShard+1)} {
		frame, err := c.pack(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		text, err := c.unpack(frame, MaxPage)
		if err == nil && len(text) > MaxPage {
			t.Errorf("%d bytes", len(text))
		}
	})
}
