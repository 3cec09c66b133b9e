// Package resolve chooses versions: from the requirements of the roots and what a registry offers to the one set of
// packages that gal.lock records. It is pure: it knows no files, no network and no clock, and sees packages through
// the small interface [Source]. The same request over the same candidates gives the same answer, byte for byte.
//
// # What a solution is
//
//   - At most one version of a package in each compatibility bucket (see [version.Bucket]); several buckets of one
//     package may stand beside each other, unless [Options.Duplicates] denies it.
//   - Every requirement of every chosen version is fulfilled. Development dependencies count for roots only, build
//     dependencies for all, optional ones where a feature asks for them.
//   - Features add up over all edges into one bucket of a package. A version that lacks a feature somebody asks for is
//     not used. `default` is on unless no edge asks for it. A feature holds names of other features, `dep:x`, `x/f`
//     and `x?/f`; the last is truly weak: it adds f to x only where something else turns x on. An optional dependency
//     x is a feature of its own name only where no feature names `dep:x`.
//   - The answer covers all features and all kinds of the roots' dependencies. [Select] picks from it what one build
//     uses, and never chooses another version.
//   - At most one package claims each `links` value.
//   - Yanked versions, versions newer than [Options.ExcludeNewer] and unusable ones are as if they did not exist, but
//     for those that the lock holds (the first two) or that [Options.Precise] names.
//   - Normal and build dependencies form no cycle; a development dependency may close one.
//
// # Which solution
//
// Roots' dependencies are decided first, by kind and name, each as new as the ones before it allow; what only other
// packages need gives way to them. Locked versions are tried first, then those that the roots' gal-version can
// build, then the newest ([Options] changes both). A requirement that spans several buckets takes the newest bucket
// if a root wrote it, else one that is used already, else the newest.
//
// # How it is found
//
// PubGrub (https://github.com/dart-lang/pub/blob/master/doc/solver.md), written as conflict-driven clause learning
// over small finite domains. A node is a bucket of a package, a feature of a bucket, or a choice between buckets;
// its domain is its versions and "absent", held as bits. A clause is a set of terms "node is one of these" that
// cannot all be true; a dependency is the clause {owner is one of S, target is none of T}, shared by all versions of
// the owner that have the same dependency. Clauses are made when a version is first chosen, so packages that nothing
// chosen asks for are never loaded. A conflict is resolved back to its first cause; the clause learned from it
// prunes the search for good, and the record of how it was made is the proof that [NoSolution] tells in words.
//
// # Limits
//
// A package may have 10,000 versions; more are the error "too-many-versions". A search ends after
// [Options.StepBudget] conflicts with the error "step-budget". Of a proof, [NoSolution.Text] shows 40 sentences; one of
// more than 50,000 steps is not told at all.
//
// # Example
//
//	solution, err := resolve.Resolve(ctx, resolve.Request{Roots: []resolve.Root{root}, Locked: locked}, registry)
//	var none *resolve.NoSolution
//	if errors.As(err, &none) {
//		fmt.Println(none.Text()) // why, in sentences
//	}
package resolve
