// Package tuf says what of a registry is current: signed metadata after The Update Framework (TUF 1.0,
// https://theupdateframework.github.io/specification/), made by a registry's build and verified by its clients.
//
// It is pure: bytes and a time in, bytes out. Who fetches and stores them is the caller's matter, and so is what the
// targets are. It is built on go-tuf, which verifies signatures and versions; this package adds what go-tuf leaves open.
//
// # Files
//
//	trust/N.root.json       who signs for each role; N is its version; kept for ever
//	trust/N.targets.json    length and sha256 of the registry's own files, the targets
//	trust/N.snapshot.json   version, length and sha256 of the targets file
//	trust/timestamp.json    version, length and sha256 of the snapshot file; the only one that is ever overwritten
//
// Every file is JSON of the shape that TUF gives it, without blanks, the members of every object sorted, and is accepted
// only in these bytes: what is read and written again must be the same. Beyond TUF's members there are three:
//
//	x-gal-log     in a signed root: the size of the transparency log when it was signed
//	x-gal-before  in a signed root but the first: the sha256 of the file of the root before it, as sha256:HEX
//	x-gal-root    in a signed timestamp: the version of the newest root
//
// A root is proved forwards by the signatures of its predecessor's keys, and backwards by x-gal-before: who trusts one
// root knows which ones came before it. [Chain] goes both ways.
//
// Further members of `signed` that begin with x- are accepted and mean nothing; any other unknown member is refused.
// Keys are ECDSA P-256 (keytype ecdsa, scheme ecdsa-sha2-nistp256, PEM). consistent_snapshot is true for the metadata; the
// targets themselves are found under their own names, which name a digest or a version wherever they must not change.
// There are no delegations.
//
// A root, a timestamp or a snapshot has at most 256 KiB, a targets file 4 MiB. They are signed for 365 days (root), 30
// days (targets, snapshot) and 3 days (timestamp).
//
// # A client
//
// A client begins with the bytes of a root that it trusts, and what it verified last ([State]). It asks for the timestamp
// alone: that names the newest root, so that in the usual case one request answers everything.
//
//	client, err := tuf.Start(state, now)
//	data := fetch(tuf.TimestampPath, tuf.MaxTimestamp)   // where the host says "not modified": state.Timestamp
//	for {
//		_, err = client.Timestamp(data)
//		next, wanted := client.NextRoot()
//		if err == nil || !wanted {
//			break
//		}
//		root, found := fetch(next, tuf.MaxRoot)
//		if !found {
//			break // err stands
//		}
//		if err = client.Root(root); err != nil {
//			break
//		}
//	}
//	if path := client.SnapshotPath(); path != "" { err = client.Snapshot(fetch(path, tuf.MaxSnapshot)) }
//	if path := client.TargetsPath(); path != "" { err = client.Targets(fetch(path, tuf.MaxTargets)) }
//	store(client.State())                                // last of all
//
// Every error of a client is a fault.Integrity with one of these codes:
//
//	root-invalid        a root that its predecessor or it itself has not signed, of a wrong version, or that is withheld
//	root-expired        the newest root is too old
//	registry-untrusted  metadata that the keys of the root did not sign, or a stored state that does not hold together
//	index-rollback      older metadata than was seen before
//	index-expired       metadata that is too old: somebody shows a former state, or the registry is not looked after
//	metadata-mismatch   files of several states, put together
//	metadata-malformed  bytes that no registry writes
//
// Metadata counts for [Skew] after its time, for clocks that go wrong. A root that takes a key from the timestamp or
// snapshot role drops what those have signed: so a registry recovers from a thief who has signed version 2^50.
package tuf
