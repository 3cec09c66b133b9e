package manifest

import (
	"bytes"
)

// conflictMarker finds the first line that git or another merge tool wrote between two versions.
func conflictMarker(data []byte) (at int, found bool) {
	for _, marker := range []string{"<<<<<<<", "|||||||", "=======", ">>>>>>>"} {
		i := 0
		if !bytes.HasPrefix(data, []byte(marker)) {
			if i = bytes.Index(data, []byte("\n"+marker)) + 1; i == 0 {
				continue
			}
		}
		if !found || i < at {
			at, found = i, true
		}
	}
	return at, found
}

// ConflictSides splits a lock file with merge conflict markers into the two files that were merged. ok is false where the
// markers do not belong together.
func ConflictSides(data []byte) (ours, theirs []byte, ok bool) {
	const both, left, base, right = 0, 1, 2, 3
	side, found := both, false
	for line := range bytes.Lines(data) {
		mark := line[:min(7, len(line))]
		want := map[string][]int{"<<<<<<<": {both}, "|||||||": {left}, "=======": {left, base}, ">>>>>>>": {right}}[string(mark)]
		if want == nil {
			if side == both || side == left {
				ours = append(ours, line...)
			}
			if side == both || side == right {
				theirs = append(theirs, line...)
			}
			continue
		}
		if side != want[0] && side != want[len(want)-1] {
			return nil, nil, false
		}
		found = true
		side = map[string]int{"<<<<<<<": left, "|||||||": base, "=======": right, ">>>>>>>": both}[string(mark)]
	}
	return ours, theirs, found && side == both
}
