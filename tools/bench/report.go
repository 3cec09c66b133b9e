package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/geeknik/gal-pkg/tools/bench/host"
	"github.com/geeknik/gal-pkg/tools/bench/measure"
)

// report is what was measured: the document of --json, and what is printed on the way.
type report struct {
	Version int               `json:"version"` // of this format: 1
	System  string            `json:"system"`
	CPUs    int               `json:"cpus"`
	Tools   map[string]string `json:"tools"` // versions, as the programs say them
	Tables  []table           `json:"tables"`
	Cuts    []cutting         `json:"cuts,omitempty"`
	Flips   []flipping        `json:"flips,omitempty"`

	out io.Writer
}

// table is a scenario with its rows. Before and After are the load of the machine at its ends: how many processes wanted
// to run, in the mean of the last minute. What was measured itself is a part of After.
type table struct {
	Title  string `json:"title"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	Rows   []row  `json:"rows"`
}

func newReport(out io.Writer) *report {
	return &report{Version: 1, System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Tools: map[string]string{}, out: out}
}

func (r *report) say(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

// load is the load of the last minute, "" where the system does not tell.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(data), " ")
	return first
}

// add prints a table and keeps it.
func (r *report) add(t table) error {
	r.Tables = append(r.Tables, t)
	_, err := fmt.Fprintf(r.out, "\n%s\n\n%s", t.Title, t.text())
	return err
}

func (r *report) save(path string) error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// text is a table as Markdown: medians, and ratios to the best median of the peers.
func (t table) text() string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| program\t| wall s\t| ratio\t| CPU s\t| ratio\t| MiB\t| requests\t| at once\t| received KB\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	bestWall, bestCPU := t.best(measureWall), t.best(measure.Sample.CPU)
	for _, r := range t.Rows {
		fmt.Fprintf(w, "| %s\t| %.4f\t| %s\t| %.4f\t| %s\t| %.0f\t| %.0f\t| %.0f\t| %.1f\t|\n", r.Name,
			r.median(measureWall), ratio(r.median(measureWall), bestWall),
			r.median(measure.Sample.CPU), ratio(r.median(measure.Sample.CPU), bestCPU),
			r.median(func(s measure.Sample) float64 { return float64(s.Memory) / (1 << 20) }),
			r.count(func(c host.Counts) float64 { return float64(c.Requests) }),
			r.count(func(c host.Counts) float64 { return float64(c.AtOnce) }),
			r.count(func(c host.Counts) float64 { return float64(c.Sent) / 1000 }))
	}
	w.Flush()
	if len(t.Rows) > 0 {
		fmt.Fprintf(&out, "\nn=%d", len(t.Rows[0].Samples))
	}
	if t.Before != "" {
		fmt.Fprintf(&out, ", load %s before and %s after", t.Before, t.After)
	}
	return out.String() + "\n"
}

func measureWall(s measure.Sample) float64 { return s.Wall }

// best is the smallest median of the rows that ratios are to, 0 without them.
func (t table) best(of func(measure.Sample) float64) float64 {
	var best float64
	for _, r := range t.Rows {
		if m := r.median(of); r.Base && (best == 0 || m < best) {
			best = m
		}
	}
	return best
}

func ratio(of, to float64) string {
	if to == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", of/to)
}

func (r row) median(of func(measure.Sample) float64) float64 {
	var figures []float64
	for _, s := range r.Samples {
		figures = append(figures, of(s))
	}
	return measure.Median(figures)
}

func (r row) count(of func(host.Counts) float64) float64 {
	var figures []float64
	for _, c := range r.Counts {
		figures = append(figures, of(c))
	}
	return measure.Median(figures)
}
