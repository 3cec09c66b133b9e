package index

// Fold and Unfold are the two directions of a record of a [FoldCache].
func Fold(p *Package) []byte { return appendFolded(nil, p) }

func Unfold(registry, key, record string, publishers Publishers) (*Package, bool) {
	return parseFolded(registry, key, record, new(Decoder), publishers)
}
