package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/geeknik/gal-pkg/tools/bench/host"
	"github.com/geeknik/gal-pkg/tools/bench/measure"
)

// compare prints what was measured of registries of several sizes side by side.
func (r *report) compare() {
	var sizes []int
	for _, t := range r.Tables {
		for _, row := range t.Rows {
			if row.Size > 0 && !slices.Contains(sizes, row.Size) {
				sizes = append(sizes, row.Size)
			}
		}
	}
	if len(sizes) == 0 {
		return
	}
	slices.Sort(sizes)
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 1, ' ', 0)
	fmt.Fprint(w, "| \t| reader\t|")
	for _, size := range sizes {
		fmt.Fprintf(w, " %d packages\t|", size)
	}
	fmt.Fprint(w, "\n|---\t|---\t|"+strings.Repeat("---\t|", len(sizes))+"\n")
	for _, t := range r.Tables {
		for _, client := range t.clients() {
			fmt.Fprintf(w, "| %s\t| %s\t|", t.Title[strings.Index(t.Title, ": ")+2:], client)
			for _, size := range sizes {
				fmt.Fprintf(w, " %s\t|", t.figures(client, size))
			}
			fmt.Fprintln(w)
		}
	}
	w.Flush()
	r.say("\nSide by side: wall, peak memory, requests, what the server has sent\n\n%s", out.String())
}

// clients are the readers of a table, in its order.
func (t table) clients() (all []string) {
	for _, r := range t.Rows {
		if r.Client != "" && !slices.Contains(all, r.Client) {
			all = append(all, r.Client)
		}
	}
	return all
}

// figures are the medians of a reader of a registry of some size; of one that knows no sizes they stand in each column.
func (t table) figures(client string, size int) string {
	for _, r := range t.Rows {
		if r.Client != client || r.Size != size && r.Size != 0 {
			continue
		}
		text := fmt.Sprintf("%.0f ms", 1000*r.median(measureWall))
		if memory := r.median(func(s measure.Sample) float64 { return float64(s.Memory) / (1 << 20) }); memory > 0 {
			text += fmt.Sprintf(", %.0f MiB", memory)
		}
		if requests := r.count(func(c host.Counts) float64 { return float64(c.Requests) }); requests > 0 {
			text += fmt.Sprintf(", %.0f, %.0f KB", requests, r.count(func(c host.Counts) float64 { return float64(c.Sent) / 1000 }))
		}
		return text
	}
	return ""
}
