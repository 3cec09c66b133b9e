// Package gitindex keeps a private, sparse copy of one branch of a registry's git repository: the newest commit, and of its
// folders and files only those that were asked for. It is how an index is read over git, and how a proposal to
// it is pushed. It knows nothing of what the files mean, and trusts a commit id no more than the server that named it:
// what an index says is verified by its signatures, one level up.
//
// # On the wire
//
// [Store.Refresh] asks where the branch is and, when it has moved, fetches its commit with depth 1 and a filter that leaves
// out files and, below the third level, folders ([gitwire.Upper]): of an index, all folders but those that packages are in.
// That is 0.6 MB for 100,000 packages, of which all folders are 4.0 MB. [Store.Fetch] looks for the paths and asks for what is
// missing on the way by object id: one request for the folders, each of which comes with those in it, for whatever number of
// paths, and one for the files. [Store.Announce] has other files come with these. Where all folders that are missing are few
// ([maxRest]), they come with the first. There is no work tree.
//
// A later refresh names the revision that is here, as the only commit and without its history, and gets the folders that
// differ, as thin packs: differences against those here (44 KB for 100 publishes). The server compares two snapshots, so it
// does not matter whether the branch was rewritten. What came is held to be whole, as far as the filter goes, before it
// counts; where it is not, or does not fit what is here, all is fetched afresh.
//
// A store with Options.Commit can be listed ([Store.Entries]), so it has all folders.
//
// Package gitwire has the protocol. It is v2 where the server speaks it, and else v0, which lists all refs at every contact.
//
// # Tiers
//
// What a server can do shows in [Store.Tier]: [TierTreeless] as above; [TierV2] and [TierV0] with all folders, where the
// server speaks v0, refuses filters of folders, or refuses folders by their ids; [TierPlain] where it has no filters or
// refuses single files, so that all files come, of a later revision those that differ; [TierLocal] for a repository on this
// machine, which is read in place. A store steps down by itself, and tries the best tier again with the next generation.
//
// The program git is run for one thing, if Options.Git names it: the first fetch from a server without filters, which it
// does in half of the time. Where it fails, the fetch goes on without it.
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
//	DIR/state.json       {"v":3,"url":...,"branch":...,"generation":...,"revision":...,"tier":...}
//	DIR/refresh.lock     held while a process refreshes
//	DIR/gen-N/           a bare repository; more than [maxPacks] packs make the next refresh start another one
//	DIR/gen-N.lock       shared by every process that reads gen-N; it is removed when nobody does
//
// state.json is replaced by rename after everything it speaks of is in place: a process that dies in the middle leaves
// the former state. What is found damaged is not built on: the next refresh starts another generation. A store keeps the
// revision that it was opened at or refreshed to, whatever other processes do.
package gitindex

import (
	"net/http"
	"time"

	"github.com/geeknik/gal-pkg/index/gitindex/gitwire"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// Limits of a store.
const (
	DefaultBranch       = "dist"
	DefaultMaxPackBytes = 256 << 20
	MaxFileBytes        = 64 << 20  // of one file of the index
	MaxFetchBytes       = 512 << 20 // of the files that one Fetch returns

	maxPacks    = 200      // of which a first use makes some 30; looking for an object costs a microsecond a pack
	maxRefBytes = 64 << 20 // of the list of refs
	maxState    = 16 << 10
	sweepAge    = time.Hour // of partial files, which nobody can be writing any more
)

// Tier says how a store reads its remote.
type Tier string

// The tiers, best last.
const (
	TierPlain    Tier = "plain"
	TierV0       Tier = "v0/blobless"
	TierV2       Tier = "v2/blobless"
	TierTreeless Tier = "v2/treeless"
	TierLocal    Tier = "local"
)

// remembered reports whether it is one that state.json may have.
func (t Tier) remembered() bool {
	return t == TierPlain || t == TierV0 || t == TierV2 || t == TierTreeless
}

// leaves is what a refresh leaves out.
func (t Tier) leaves() gitwire.Filter {
	switch t {
	case TierTreeless:
		return gitwire.Upper
	case TierV2, TierV0:
		return gitwire.NoFiles
	}
	return ""
}

// Options of a store. Only URL is required.
type Options struct {
	URL    string // the package comment has the kinds
	Branch string // "" means [DefaultBranch]
	Commit string // 40 hex digits: the store is of this commit for ever, and Branch means nothing; "" for none

	// Auth returns the credentials for an origin ("https://host" or "https://host:port"): a user and password, or with
	// an empty user a bearer token; an empty secret means none. Nil means none.
	Auth func(origin string) (user, secret string)

	Git           string           // path of the program git, which may clone from servers without filters; "" means never
	HTTP          *http.Client     // its redirect policy and cookies are not used; nil means one with Go's defaults
	MaxPackBytes  int64            // most that one fetch may download; 0 means [DefaultMaxPackBytes]
	AllowInsecure bool             // plain http to any host
	Offline       bool             // nothing is read from a server: what is not here is a fault of code "offline-miss"
	Now           func() time.Time // nil means time.Now
}

// Stats counts what a store has asked of its remote since it was opened.
type Stats struct {
	Requests int64 // HTTP requests, ssh sessions, or runs of the program git
	Bytes    int64 // received
	Objects  int64 // received: commits, folders and files
}

// Edit, CommitInfo, Signer and RefEntry are what the publishing side of a store works with.
type (
	Edit       = gitrepo.Edit
	CommitInfo = gitrepo.CommitInfo
	Signer     = gitrepo.Signer
	RefEntry   = gitrepo.RefEntry
)
