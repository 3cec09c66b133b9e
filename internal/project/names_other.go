//go:build !unix

package project

import "io/fs"

// hasOtherNames is not known here.
func hasOtherNames(fs.FileInfo) bool { return false }
