package cmdline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// erase takes what is drawn off the screen. The caller has the printer's mutex, as for draw.
func (g *Progress) erase() string {
	if g.drawn == 0 {
		return ""
	}
	up := fmt.Sprintf("\r\x1b[%dA", g.drawn)
	g.drawn = 0
	return up + eraseBelow
}

func (g *Progress) draw() string {
	width := g.width() - 1 // in the last column some terminals begin a new line
	lines := g.lines(width)
	var out strings.Builder
	for _, line := range lines {
		out.WriteString(cut(Printable(line), width) + "\n")
	}
	g.drawn = len(lines)
	return out.String()
}

// cut returns what of a line fits into so many columns. A character that is not of ASCII may take two.
func cut(line string, columns int) string {
	for i, r := range line {
		if columns--; r >= utf8.RuneSelf {
			columns--
		}
		if columns < 0 {
			return line[:i]
		}
	}
	return line
}

// lines are what is to be seen now, none where nothing is on its way.
func (g *Progress) lines(width int) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	stands := g.stands()
	if len(g.active) == 0 && stands == "" {
		return nil
	}
	rows := make([]*transfer, 0, len(g.active))
	arrived := 0
	for _, t := range g.active {
		if t.arrived {
			arrived++
		} else {
			rows = append(rows, t)
		}
	}
	slices.SortFunc(rows, func(a, b *transfer) int {
		return cmp.Or(cmp.Compare(b.size-b.came, a.size-a.came), strings.Compare(a.name, b.name))
	})
	var lines []string
	for _, t := range rows[:min(len(rows), maxRows)] {
		lines = append(lines, t.line(width))
	}
	last := g.total(arrived)
	if stands != "" {
		last = fmt.Sprintf("%12s %s", "Waiting for", stands)
	}
	if width < wide {
		last = strings.TrimLeft(last, " ")
	}
	return append(lines, last)
}

func (t *transfer) line(width int) string {
	amount, percent := Size(t.came), "     "
	if t.size > 0 {
		amount += " of " + Size(t.size)
		percent = fmt.Sprintf("%3d %%", min(100*t.came/t.size, 100))
	}
	switch {
	case width >= wide:
		return fmt.Sprintf("%24s  %s  %s", amount, percent, t.name)
	case width >= 40:
		return beside(t.name, fmt.Sprintf("%20s", amount), width)
	case width >= 20:
		return beside(t.name, percent, width)
	}
	return t.name
}

// beside is a name, cut or filled up, and a number behind it.
func beside(name, number string, width int) string {
	room := width - 2 - len(number)
	return strings.TrimRight(fmt.Sprintf("%-*s  %s", room, cut(Printable(name), room), number), " ")
}

// total is the line for all; of what is active, so many have arrived.
func (g *Progress) total(arrived int) string {
	text := fmt.Sprintf("%12s %d of %s, %s", "Downloading", g.done+arrived, Plural(max(g.planned, g.done+len(g.active)), "package"), Size(g.bytes))
	if g.size > 0 {
		text += " of " + Size(max(g.size, g.bytes))
	}
	if speed := g.speed(); speed > 0 {
		text += ", " + Size(speed) + "/s"
	}
	return text
}

// speed is bytes a second over the last moments, 0 while there is too little to tell.
func (g *Progress) speed() int64 {
	now := g.now()
	g.pace = append(g.pace, sample{now, g.bytes})
	g.pace = slices.DeleteFunc(g.pace, func(s sample) bool { return now.Sub(s.at) > paceOver })
	first, last := g.pace[0], g.pace[len(g.pace)-1]
	took := last.at.Sub(first.at)
	if took < 3*redraw {
		return 0
	}
	return max(int64(float64(last.bytes-first.bytes)/took.Seconds()), 0)
}
