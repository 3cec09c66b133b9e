package index

// Fold and Unfold are the two directions of a record of a [FoldCache].
func Fold(p *Package) []byte { return appendFolded(nil, p) }

func Unfold(registry, key, record string, publishers Publishers) (*Package, bool) {
	return parseFolded(registry, key, record, new(Decoder), publishers)
}

// SeenFitting returns the paths, sorted, that fit into so many bytes of files that were seen at these times.
func SeenFitting(at map[string]int64, room int) []string {
	files := map[string]sighting{}
	for path, seconds := range at {
		files[path] = sighting{at: seconds}
	}
	return roomFor(files, room)
}
