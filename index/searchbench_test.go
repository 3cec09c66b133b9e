package index_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
)

// BenchmarkSearch is a search in a catalogue of 100,000 packages that is kept on disk, in a process that is there already.
func BenchmarkSearch(b *testing.B) {
	file := filepath.Join(b.TempDir(), "catalogue")
	if err := index.KeepCatalogue(file, manyRows(100_000)); err != nil {
		b.Fatal(err)
	}
	for _, q := range []struct{ name, text string }{
		{"one", "lorem-777"}, {"some", "tempor dolore"}, {"most", "r"}, {"slip", "loerm-777"}, {"nothing", "qqqqqqqqqqq"},
	} {
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := index.SearchKept(file, index.Query{Text: q.text}, 1, 20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func manyRows(count int) index.Catalogue {
	words := []string{"lorem", "ipsum", "dolor", "sit", "amet", "consectetur", "adipiscing", "elit", "sed", "eiusmod", "tempor", "incididunt", "labore", "dolore", "magna", "aliqua"}
	chance := rand.New(rand.NewPCG(1, 2))
	word := func() string { return words[chance.IntN(len(words))] }
	rows := make(index.Catalogue, count)
	for i := range rows {
		rows[i] = index.SearchRow{
			Name: fmt.Sprintf("%s-%d", word(), i), Version: "1.2.3", License: "MIT", Updated: time.Unix(1_700_000_000+int64(i), 0),
			Keywords: []string{word(), word()}, Description: fmt.Sprintf("The %s of %s %s %s, with %s and %s", word(), word(), word(), word(), word(), word()),
		}
	}
	return rows
}
