// Package gitindex keeps a private, sparse copy of one branch of a registry's git repository: the newest commit, its
// folders, and of its files only those that were asked for. It is how an index is read over git, and how a proposal to
// it is pushed. It knows nothing of what the files mean, and trusts a commit id no more than the server that named it:
// what an index says is verified by its signatures, one level up.
//
// # On the wire
//
// [Store.Refresh] lists the server's refs and, when the branch has moved, fetches its commit with depth 1 and the filter
// blob:none. [Store.Fetch] looks the paths up in the folders and asks for all files that are missing in one request, by
// object id. No fetch builds on an earlier one, so it does not matter whether the branch was rewritten. There is no work
// tree, and the program git is never run.
//
// This is git's protocol v0, which go-git speaks. It costs a list of all refs at every contact, and all folders at every
// move of the branch (2.8 MB for 100,000 packages). A client of protocol v2 would ask for one ref by prefix, and with
// `deepen 1`, `shallow`, `have` and thin packs for what has changed only (28 KB for 100 publishes).
//
// # Tiers
//
// What a server can do shows in [Store.Tier]: [TierBlobless] as above; [TierFull] where it has no filters or refuses
// single objects, so that all files come at once; [TierLocal] for a repository on this machine, which is read in place.
//
// # Addresses
//
//	git+https://host/path      git+http://host/path (loopback only, unless Options.AllowInsecure)
//	git+ssh://user@host/path   keys from the ssh agent, host keys from known_hosts
//	git+file:///path or a plain path
//
// Nothing else, and no credentials in the address: those come from Options.Auth, for the origin that the address names,
// and are dropped when a redirect leaves it. Whoever takes addresses from files of others must refuse the local ones.
//
// # Other repositories
//
// [Resolve] and a store with Options.Commit read one commit of any repository, such as a package's own. The commit is asked
// for by its id, or by the tag that holds it; of a server that gives neither, the whole history is fetched. Once the store
// has the commit, no server is asked where a ref is.
//
// # On disk
//
//	DIR/state.json       {"v":1,"url":...,"branch":...,"generation":...,"revision":...,"tier":...}
//	DIR/refresh.lock     held while a process refreshes
//	DIR/gen-N/           a bare repository; more than [maxPacks] packs make the next refresh start another one
//	DIR/gen-N.lock       shared by every process that reads gen-N; it is removed when nobody does
//
// state.json is replaced by rename after everything it speaks of is in place: a process that dies in the middle leaves
// the former state. A store keeps the revision that it was opened at or refreshed to, whatever other processes do.
package gitindex

import (
	"net/http"
	"time"

	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// Limits of a store.
const (
	DefaultBranch       = "dist"
	DefaultMaxPackBytes = 256 << 20
	MaxFileBytes        = 64 << 20  // of one file of the index
	MaxFetchBytes       = 512 << 20 // of the files that one Fetch returns

	maxPacks    = 50
	maxRefBytes = 64 << 20 // of the list of refs
	maxState    = 16 << 10
	sweepAge    = time.Hour // of partial files, which nobody can be writing any more
)

// Tier says how a store reads its remote.
type Tier string

// The tiers, best last.
const (
	TierFull     Tier = "full"
	TierBlobless Tier = "blobless"
	TierLocal    Tier = "local"
)

// Options of a store. Only URL is required.
type Options struct {
	URL    string // the package comment has the kinds
	Branch string // "" means [DefaultBranch]
	Commit string // 40 hex digits: the store is of this commit for ever, and Branch means nothing; "" for none

	// Auth returns the credentials for an origin ("https://host" or "https://host:port"): a user and password, or with
	// an empty user a bearer token; an empty secret means none. Nil means none.
	Auth func(origin string) (user, secret string)

	HTTP          *http.Client     // its redirect policy and cookies are not used; nil means one with Go's defaults
	MaxPackBytes  int64            // most that one fetch may download; 0 means [DefaultMaxPackBytes]
	AllowInsecure bool             // plain http to any host
	Offline       bool             // nothing is read from a server: what is not here is a fault of code "offline-miss"
	Now           func() time.Time // nil means time.Now
}

// Stats counts what a store has asked of its remote since it was opened.
type Stats struct {
	Requests int64 // HTTP requests, or ssh sessions
	Bytes    int64 // received
}

// Edit, CommitInfo, Signer and RefEntry are what the publishing side of a store works with.
type (
	Edit       = gitrepo.Edit
	CommitInfo = gitrepo.CommitInfo
	Signer     = gitrepo.Signer
	RefEntry   = gitrepo.RefEntry
)
