package index

// KeepCatalogue writes the file of a catalogue, spread over all of its parts.
func KeepCatalogue(path string, rows Catalogue) error {
	var all [catalogueFiles]contents
	for i := range all {
		n := len(rows)
		all[i].texts, all[i].rows = packed(rows[i*n/catalogueFiles:(i+1)*n/catalogueFiles], 0)
	}
	_, file := newCompact([32]byte{}, &all)
	return keepCompact(path, file)
}

// SearchKept is a search in the file of a catalogue.
func SearchKept(path string, q Query, page, perPage int) (Found, error) {
	c := openCompact(path)
	defer c.close()
	return c.page(q, page, perPage)
}
