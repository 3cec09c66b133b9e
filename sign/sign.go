// Package sign makes and checks signatures: publishers' keys, the statements that they sign, SSH signatures on commits,
// and what others need to check them with their own tools: leaves of the transparency log, Sigstore bundles, trusted
// roots. The log itself is package translog.
//
// It knows no index: who may sign what, and which lines count, is decided by those who read lines. It asks no time, and
// whether a key was live is a question of log indexes, which they answer too.
//
// # Keys
//
// Keys are ECDSA P-256, the one algorithm that openssl, OpenSSH, git and cosign all read and write. A public key is
// written as base64 of its SubjectPublicKeyInfo (SPKI, DER), or as PEM in FILE.pub, and named by its hint, base64 of
// sha256 of the SPKI. It is accepted in its one canonical encoding only. FILE, mode 0600, holds the private key:
// `ENCRYPTED SIGSTORE PRIVATE KEY`, which cosign reads, or without a passphrase PKCS#8, which openssl and ssh-keygen read.
//
// # Statements
//
// A line of the index is signed through an in-toto Statement v1, which says in which registry and file the line stands,
// what it is about, and the digests of the line and, for a publish, of its archive. [Claim] holds these values, and this
// template makes the bytes; it has no blanks and no line ends, and is frozen for lines of v 1:
//
//	{"_type":"https://in-toto.io/Statement/v1","subject":[SUBJECTS],
//	"predicateType":"https://gal-lang.org/attestation/EVENT/v1",
//	"predicate":{"registry":"REGISTRY","path":"PATH",WHO}}
//
//	SUBJECTS  of a publish: {"name":"ARCHIVE","digest":{"sha256":"HEX"}},{"name":"line","digest":{"sha256":"HEX"}}
//	          of every other event: {"name":"line","digest":{"sha256":"HEX"}}
//	WHO       "name":"NAME" below index/, "id":"ID" below publishers/; for publish, yank and unyank then ,"version":"VERSION"
//
// [Claim.Check] keeps every value within an alphabet that needs no escaping, and ties path and archive to name and
// version. The digest of a line is sha256 of the bytes before its last `,"sig":` and a closing brace:
//
//	sed -E 's/(.*),"sig":.*$/\1}/' | tr -d '\n' | sha256sum
//
// What is signed is the PAE of DSSE (https://github.com/secure-systems-lab/dsse), LENGTH in decimal bytes:
//
//	DSSEv1 28 application/vnd.in-toto+json LENGTH STATEMENT
//
// with ECDSA over its sha256. The signature is ASN.1 DER, written in base64, at most 96 characters. Base64 is always the
// standard alphabet with padding, without line ends, in its one canonical spelling.
//
// # A worked vector
//
// The key, SPKI and hint (the private scalar is sha256 of `gal-pkg worked vector`):
//
//	MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEID9eVzs92ScrT+BEjgeky/nAD9ZgRrlZAEToYIe30ZjD6Oq9CYLPIBgFVd8MdemBm8FmBYehN6uhbiZaaIhpwA==
//	XFUQjL+dX14XyhDlsCLyo5fVxsD1RZN6/iMM06/BZMI=
//
// The line, and its digest:
//
//	{"v":1,"event":"publish","name":"http-client","version":"1.4.0","checksum":"sha256:e4d909c290d0fb1ca068ffaddf22cbd0e4d909c290d0fb1ca068ffaddf22cbd0","size":48213,"unpacked":190464,"by":"alice","until":"2026-03-15T09:30:00Z","sig":{"key":"XFUQjL+dX14XyhDlsCLyo5fVxsD1RZN6/iMM06/BZMI=","value":"MEUCIQD4V729iRceDiVzX7Sm8aAQjkC913SGmM7S6lmidpxinwIgFJM0JVmuW3WqlwDPZtOQH78hbJD0TCfZGkz04sNmKMg="}}
//	a0cbc62d05a6413d1a7de32f7623cf157c99e0b77aa62e7585cb6f5cc691557d
//
// The statement, in registry packages.gal-lang.org, file index/ht/tp/http-client:
//
//	{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"http-client-1.4.0.tar.zst","digest":{"sha256":"e4d909c290d0fb1ca068ffaddf22cbd0e4d909c290d0fb1ca068ffaddf22cbd0"}},{"name":"line","digest":{"sha256":"a0cbc62d05a6413d1a7de32f7623cf157c99e0b77aa62e7585cb6f5cc691557d"}}],"predicateType":"https://gal-lang.org/attestation/publish/v1","predicate":{"registry":"packages.gal-lang.org","path":"index/ht/tp/http-client","name":"http-client","version":"1.4.0"}}
//
// sha256 of its PAE, and the signature (RFC 6979; any other valid one serves as well):
//
//	44238fde1498c7359e71b155592889ec7bc79736d96aca321522239e69e80f63
//	MEUCIQD4V729iRceDiVzX7Sm8aAQjkC913SGmM7S6lmidpxinwIgFJM0JVmuW3WqlwDPZtOQH78hbJD0TCfZGkz04sNmKMg=
//
// # Commits
//
// A publisher's commit carries an SSH signature (SSHSIG, namespace git, SHA-512) of the same key, which
// `git verify-commit` checks against the file of [FormatAllowedSigners]. The preambles `SSHSIG` and `DSSEv1` keep a
// signature on a commit from serving as one on a statement.
//
// # Leaf, bundle, trusted root
//
// Each signature becomes a leaf of the registry's log: the body of a Rekor v2 hashedrekord 0.0.2 entry, see [LeafBody]. A
// [Bundle] (Sigstore v0.3) joins statement, signature and place in the log, and with the log's key in a trusted root
// ([FormatTrustedRoot]) cosign verifies all of it without a network:
//
//	cosign verify-blob-attestation --key FILE.pub --bundle ARCHIVE.sigstore.json --trusted-root trusted_root.json \
//	    --type https://gal-lang.org/attestation/publish/v1 ARCHIVE
//
// A keyless signature is a bundle too, by a key that a certificate binds to an identity: [OpenCertified] reads the signature
// out of it, and package keyless verifies whose it is.
package sign
