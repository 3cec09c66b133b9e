// Package translog is a transparency log made of static files: an append-only list of leaves under a Merkle tree
// (RFC 6962, SHA-256), of which everybody can check that they see the same one, and that it only ever grows. It knows
// nothing of what leaves mean, and of no network: [Storage] reads files, and the caller writes what [Log.Append] returns.
//
// # Files
//
// Those of C2SP tlog-tiles (https://c2sp.org/tlog-tiles), relative to the log's folder:
//
//	checkpoint.<size>          signed checkpoint of the log when it had so many leaves
//	tile/<L>/<N>[.p/<W>]       hashes of level 8L of the tree, numbers 256N and up: 256 of 32 bytes, or W in a partial tile
//	tile/entries/<N>[.p/<W>]   leaves 256N and up: 256, or W, each behind its length in two bytes, big-endian
//
// N is written in groups of three digits, all but the last behind an x: 1234067 is x001/x234/067. No file ever changes: a
// partial tile is followed by one of another name. A leaf has 1 to 65,535 bytes.
//
// # Checkpoints
//
// A signed note (https://c2sp.org/signed-note) of three lines: origin, size in decimal, root in base64. The origin is the
// registry's id, a host name. Ed25519 keys sign it, two while the log changes its key:
//
//	packages.gal-lang.org
//	3
//	Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=
//
//	— packages.gal-lang.org rP/N22nXfD63FvFyXq6FtyAXRgekjhkbygkcUpHxotTiGST1M6cpDuxKyXq0p32gBIFMAQrUcEgSoK2NI4n7yHcAfgk=
//
// That is the log of the leaves `one`, `two` and `three`, and verifies with this key, written NAME+HASH+KEY:
//
//	packages.gal-lang.org+acffcddb+AbpCjj6KXnOueOgEVVfUN/GI/kaRIQ+uz80136Uav7lF
//
// A log's private key in a file is one line, PRIVATE+KEY+NAME+HASH+KEY of https://pkg.go.dev/golang.org/x/mod/sumdb/note,
// mode 0600 and not encrypted, since it is the key of a job; FILE.pub has the public one.
//
// # Use
//
// A reader keeps the last checkpoint that it verified. It opens the next with [OpenCheckpoint], opens the log with [Open],
// and asks [Log.CheckConsistency] with the one it kept, and [Log.CheckInclusion] with the leaves that it relies on. The one
// writer of a log opens it at its last checkpoint, appends, writes the files, then signs and writes the checkpoint:
//
//	update, err := translog.Open(translog.Dir("log"), last).Append(leaves)
//	... write update.Files ...
//	signed, err := update.Checkpoint.Sign(key)
//	... write signed to translog.CheckpointPath(update.Checkpoint.Size) ...
//
// Nothing here keeps two writers apart: they would fork the log.
package translog
