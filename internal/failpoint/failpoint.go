// Package failpoint names the steps between which a crash must do no harm, so that a test can crash at every one of them.
//
// [Reach] stands where a step ends. In a usual build it is an empty function that the compiler removes. A program built
// with the tag failpoint obeys two variables of its environment:
//
//	GAL_FAILPOINT=POINT:N[:ACTION]     act when POINT is reached for the Nth time: kill (SIGKILL to itself, the default),
//	                                   interrupt or terminate (SIGINT or SIGTERM to itself, and on it goes)
//	GAL_FAILPOINT_LOG=FILE             append the name of every point that is reached, a line each
//
// With the log of one run a test knows every crash that there is to try.
//
// [Fail] stands at the same places where a disk may refuse, in every build: a rehearsal of bad days ([Rehearse]) makes the
// step fail as the disk would have. Without one it is a single atomic load.
package failpoint

// Point is a step.
type Point string

// The points, in the order in which an install meets them.
const (
	FileCreated Point = "file-created" // atomicfile: the temporary file is there, and empty
	FileWritten Point = "file-written" // it is whole, and not yet synced
	FileRenamed Point = "file-renamed" // it has its name, and the folder is not yet synced

	ObjectLocked   Point = "object-locked"   // cache: this process makes an archive or tree that others wait for
	BlobBegun      Point = "blob-begun"      // the temporary file of an archive is there
	BlobPart       Point = "blob-part"       // a part of it is written
	BlobWhole      Point = "blob-whole"      // it has its digest, and not yet its name
	BlobPlaced     Point = "blob-placed"     // it has its name
	TreeUnpacked   Point = "tree-unpacked"   // the files of a tree are in the temporary folder
	ListingPlaced  Point = "listing-placed"  // the listing has its name, and the tree has not
	TreePlaced     Point = "tree-placed"     // the tree has its name
	ObjectMoved    Point = "object-moved"    // something was taken out of the cache, and is not yet removed
	GenerationDone Point = "generation-done" // the cache says that something goes, and it is still there

	LinkMade    Point = "link-made"    // install: the link to a tree is there under a temporary name
	LinkPlaced  Point = "link-placed"  // it has its name
	ListWritten Point = "list-written" // packages.json is new, and what is no longer wanted is still there
	LinkRemoved Point = "link-removed" // one of those is gone
	StateSaved  Point = "state-saved"  // the project is noted as installed
)

// Points returns all points.
func Points() []Point {
	return []Point{
		FileCreated, FileWritten, FileRenamed, ObjectLocked, BlobBegun, BlobPart, BlobWhole, BlobPlaced, TreeUnpacked, ListingPlaced, TreePlaced,
		ObjectMoved, GenerationDone, LinkMade, LinkPlaced, ListWritten, LinkRemoved, StateSaved,
	}
}
