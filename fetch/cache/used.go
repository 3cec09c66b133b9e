package cache

import (
	"io/fs"
	"os"
	"time"
)

// UsedEvery is how far apart uses of an archive or a tree are noted: what was used at some time says so, or that it was used
// less than this before.
const UsedEvery = 24 * time.Hour

// Used notes for [Cache.Prune] that an archive, or the folder of a tree, is used now; info is what it was found to be. The time
// of the file or folder is the note, and is left alone while it is of today. Who may not change it, as where another user has
// made what is used, notes nothing.
func Used(path string, info fs.FileInfo) {
	if now := time.Now(); now.Sub(info.ModTime()) >= UsedEvery {
		_ = os.Chtimes(path, now, now)
	}
}
