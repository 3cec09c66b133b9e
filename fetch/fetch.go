// Package fetch holds what its parts share: what is fetched, what is told about it, and what is counted.
//
// The way of one package, each step in a folder of its own:
//
//	archive    packs a folder into the published file, and reads that file as if an enemy had written it
//	cache      keeps verified archives and the read-only trees made from them, for all projects of a user
//	download   brings archives from hosts, mirrors and folders into the cache, many at once
//	install    links the trees into a project and tells the compiler where they are
//
// A digest comes from a lock file or a verified index; nothing here decides whether to trust it. Bytes that do not have
// it never leave the temporary folder of the cache.
package fetch

import "github.com/geeknik/gal-pkg/version"

// Item is one version of one package to be fetched.
type Item struct {
	Name     string
	Version  version.Version
	Key      string   // path key of the name, as in file names
	Digest   string   // "sha256:" and hex of the archive
	Pinned   string   // where Digest comes from, for messages: "gal.lock"; "" reads "the index"
	Size     int64    // length of the archive, 0 where it is not known
	Unpacked int64    // sum of its file sizes, 0 where it is not known
	URLs     []string // http, https, file, tar+file, or a path on this machine; tried in order
}

// Folder is the name of the archive's top folder, of its file without the suffix, and of its place in a project.
func (i Item) Folder() string { return i.Key + "-" + i.Version.String() }

// String names the item in messages.
func (i Item) String() string { return i.Name + " " + i.Version.String() }

// Events are told what happens while it happens. Every function may be nil; they are called from several goroutines at
// once and must return soon.
type Events struct {
	Planned  func(items int, bytes int64) // so many more are not in the cache; bytes are of their archives, as far as known
	Started  func(Item)                   // its download begins; again when it begins anew
	Progress func(item Item, bytes int64) // bytes of it that have arrived; fewer than before when it begins anew
	Arrived  func(Item)                   // all of it has arrived and has its digest; what follows is done here
	Done     func(item Item, cached bool) // it is verified and in place; cached means that nothing was downloaded
	Healed   func(item Item, what string) // a damaged file was found and replaced, or is about to be
	Waiting  func(what string)            // another process, or a host that wants fewer requests, makes us wait a second or more
	Warned   func(what string)            // something is wrong that does not stop the work
}

// Plan calls Planned where it is set.
func (e Events) Plan(items int, bytes int64) {
	if e.Planned != nil {
		e.Planned(items, bytes)
	}
}

// Warn calls Warned where it is set.
func (e Events) Warn(what string) {
	if e.Warned != nil {
		e.Warned(what)
	}
}

// Start calls Started where it is set.
func (e Events) Start(i Item) {
	if e.Started != nil {
		e.Started(i)
	}
}

// Advance calls Progress where it is set.
func (e Events) Advance(i Item, bytes int64) {
	if e.Progress != nil {
		e.Progress(i, bytes)
	}
}

// Arrive calls Arrived where it is set.
func (e Events) Arrive(i Item) {
	if e.Arrived != nil {
		e.Arrived(i)
	}
}

// Finish calls Done where it is set.
func (e Events) Finish(i Item, cached bool) {
	if e.Done != nil {
		e.Done(i, cached)
	}
}

// Heal calls Healed where it is set.
func (e Events) Heal(i Item, what string) {
	if e.Healed != nil {
		e.Healed(i, what)
	}
}

// Wait calls Waiting where it is set.
func (e Events) Wait(what string) {
	if e.Waiting != nil {
		e.Waiting(what)
	}
}
