// Package listing is about the lists that vouch for a registry's files: for each its length and sha256, so cut up that a
// client fetches only what concerns its packages, and that a publication changes three small files.
//
// # Format
//
// Every list is one zstd frame of text, and is named by the sha256 of the frame's bytes: shards/<b>/<sha256>, where b is the
// first digit of the same bytes in base32hex. There are three kinds.
//
//	top     "shards COUNT files N" in its first line, then one line a page
//	page    one line for each of 64 shards, fewer where there are fewer shards
//	shard   one line for each file
//
// A line of the top list or of a page is "LENGTH SHA256": of the page's or shard's frame, or "-" for one without files. A
// line of a shard is "HASH LENGTH SHA256": the first 16 bytes of sha256 of the file's path, in hex, then of the file
// itself. Lines are sorted by their hash, none stands there twice, and each ends in one line feed:
//
//	printf index/ma/il/mailbox | sha256sum | cut -c1-32
//
// The number of shards is a power of two, and the shard of a path is the number that the first bits of its hash make. It is
// the power of two nearest to sqrt(300 N) for N files, so that a client that resolves 300 packages fetches least; but at
// most 4096, and at most N/16, because a shard of fewer rows is not worth its request. Where the number of files outgrows
// it, all lists are made anew.
//
// The folders have names of one character because of git, which sends a folder as a difference to the one that it takes for
// its forerunner, and finds that by a hash of the last characters of its path. For two hex digits the hash is the same as for
// others (42, 81), and two thirds of the folders that a publication changes would be sent whole.
//
// A text is accepted only if it is what is written for its meaning. A top list or a page has at most 64 KiB, a shard 4 MiB,
// before and after compression.
//
// Who vouches for the top list is the caller's matter: a registry's metadata does, under the name [TopTarget].
package listing
