// Package index is the registry: the format of its files, what they mean, and how they are read.
//
// # The registry
//
// A registry is a tree of files. Branch `main` of its repository holds what people propose:
//
//	registry.toml                    configuration: see [Config]
//	access.toml                      who may write what: see [Access]; clients never read it
//	index/<shard>/<key>              events of one package, one a line
//	publishers/<shard>/<id>          events of one publisher: keys and identities
//	bundles/<hh>/<sha256>.json       signatures by identities
//
// Branch `dist`, and the static host, hold what clients read: the same files with a stamp before every line, and beside
// them `search/` ([SearchRow]), `log/` and `packages/`. The path of a file follows from its subject: [PackagePath],
// [PublisherPath]. A [Transport] reads the published tree from a folder, a static host or a git repository, with the
// same bytes from each; a [Snapshot] is what a registry said when it was opened.
//
// # Lines
//
// One event is one line: UTF-8, canonical JSON, LF at the end of every line and nowhere else. Canonical means no spaces;
// members in the order given below; strings that escape only `"`, `\` and what is below 0x20 (\b \t \n \f \r, else
// \u00xx in lower case) and hold no DEL, C1, U+2028, U+2029 or bidirectional control; integers from 0 to 2^53-1; times
// written YYYY-MM-DDTHH:MM:SSZ. A member of a fixed object is absent when it is "", [], {} or false
// (default-features: when it is true); an integer is absent only where it was not given; entries of maps are always
// written, sorted by key bytes. A line is accepted only if encoding what was decoded gives its bytes again.
//
//	v event name|id                       always the first three
//	publish         version checksum size unpacked dependencies features gal-version edition license links level
//	                ruleset capabilities urls about
//	yank            version class reason advisory        unyank           version reason
//	deprecate       message replacement                  owners           owners threshold reason
//	tombstone       reason                               recover          owners threshold reason
//	register        key contact accounts                 add-key          key reason
//	revoke-key      key reason compromised-since         add-identity     issuer subject
//	remove-identity issuer subject
//	root by after until sig               always the last ones
//
// A line is at most [MaxLine] bytes, a file at most [MaxFile]. In the published tree every line follows its stamp,
// {"v":1,"at":TIME,"log":N}: when it was merged and where it stands in the log. Stamps never go back.
//
// # Which lines count
//
// Files only grow. Which of their lines count is decided in order, from the lines before alone; a line that does not
// count changes nothing. [Publisher.Apply] and [Package.Apply] are the rules:
//
//   - `after` is the digest of the line that this one builds on: for publish, owners and tombstone the last owners or
//     recover, else the first publish; for yank and unyank the last of the same version and side; for deprecate the last
//     deprecate, else the first publish; for a publisher's events the line before. So a line that is replayed is dead.
//   - The stamp's time is at most `until`, and `until` at most 90 days after it. So is a proposal that was abandoned.
//   - The key that `sig` names belongs to the publisher `by`, was added before the line and not revoked before it.
//   - `by` is an owner at that place; owners and tombstone need the signatures of `threshold` owners. The first publish
//     makes its signer the owner, and the first publish of a version wins.
//   - A line by @registry (yank, unyank, deprecate) or @root (recover, add-key, revoke-key) is signed by the targets keys, or
//     the root keys, of the root of trust that its member `root` names, as many different ones as that root asks for; [Roots]
//     says which root is in force where. Recover gives a package other owners and opens it again where it was closed, and
//     builds on the last recover, else the first publish.
//
// Where `sig` names a bundle, one of the publisher's identities signed, which lived from the line that added it to the one
// that removed it. That stands in bundles/<hh>/<sha256>.json, an immutable file of at most 64 KiB (package sign/keyless says
// what must hold of it). Folding does not read it: the line counts if any identity was live, and the obligation is that the
// bundle is by one that was. A publisher's own file takes keys alone.
//
// Folding settles all of that without touching a signature. Signatures become [Obligation]s, and [Snapshot.Verify]
// discharges those that a release rests on before it hands out the [Artifact] without which nothing is downloaded.
//
// # Which files count
//
// Signatures of lines say nothing of what a host leaves out. So [Open] follows the registry's signed metadata (package
// tuf) from the root of trust that was seen first, and every file is held against it: the registry's own files are its
// targets, those of packages and publishers stand in its lists (package listing). A file that was verified before must
// begin with the bytes that were verified then ([Seen]): whoever steals the keys of the metadata cannot change what others
// have read. [Snapshot.CheckLog] proves that the lines behind what is installed stand in the registry's log, and that the log
// continues the one that was seen before. What is kept of a registry between processes is a [State]; the [Standing] in it
// only ever goes forward.
package index
