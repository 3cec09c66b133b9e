package manifest

import "bytes"

// AddMember adds a folder at the end of `members` in [workspace], on a line of its own where the last one has one.
// The error is of kind Manifest, code "edit-refused", where something else is in the way; else as [Edit] says.
func (e *Edit) AddMember(folder string) error {
	w := e.walk([]string{"workspace", "members"})
	if len(w.rest) > 0 || w.last().node.kind != arrayKind || len(w.last().node.list) == 0 {
		return e.SetKey([]string{folder}, "workspace", "members")
	}
	array := w.last().node
	last := array.list[len(array.list)-1].at
	splices := []splice{{span{last.end, last.end}, ", " + tomlValue(folder)}}
	if lineEnd(e.text, last.end) < array.at.end {
		splices = []splice{e.lineAfter(last.end, e.indent(last.start)+tomlValue(folder)+",")}
		if !bytes.HasPrefix(bytes.TrimLeft(e.text[last.end:], " \t"), []byte(",")) {
			splices = append(splices, splice{span{last.end, last.end}, ","})
		}
	}
	return e.commit(splices, e.with(w.names, append(plain(array).([]any), folder)))
}
