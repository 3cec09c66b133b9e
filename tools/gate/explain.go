package gate

// Check is a check of the gate, for people.
type Check struct {
	ID    string `json:"id"`
	Holds string `json:"holds"` // what it holds a proposal to, in one line
	Why   string `json:"why"`
}

// Checks returns every check, by id.
func Checks() []Check {
	return []Check{
		{"G01", "only index and publisher files are touched",
			"A proposal that could also change the registry's configuration or its lists would decide by which rules it is\njudged. Those files are the operator's, and go to main by another way. The bundles of signatures by identities come\nwith their lines."},
		{"G02", "files only grow",
			"Whoever has read a file before must find its beginning unchanged: the transparency log names its lines, and caches\nrely on it. An event is undone by a further line."},
		{"G03", "one publisher speaks, in at most 256 lines",
			"Answers go to one author, and a proposal is merged whole or not at all. The packages of a workspace may come\ntogether."},
		{"G04", "every line is in canonical form",
			"A line has one spelling, so that its digest is the same everywhere and no two programs read it differently. gal-pkg\nwrites lines; they are not edited by hand."},
		{"G05", "files are regular files with mode 0644",
			"A link or a submodule would let a file of the registry be decided elsewhere."},
		{"G06", "a line stands in the file of its subject",
			"Clients find a package by the path that follows from its name, and look nowhere else."},
		{"G07", "`after` and `until` fit",
			"A line names the line that it builds on, and until when it may be merged. So one that is replayed, or was made for\nanother state of the package, is dead. It must be good for an hour still. Run the command again."},
		{"G10", "the name is well formed",
			"Lower-case letters, digits, - and _, beginning with a letter; no keyword of GAL, no device of Windows."},
		{"G11", "the name is free",
			"Packages, scopes, publishers and groups share one namespace, and names that differ only in - and _ are one name, so\nthat nobody can pass for another."},
		{"G12", "the name is not easily taken for another",
			"A new name that looks like one that others own, is one slip of the keyboard away from it, or is that name with gal-\nor -rs and the like, is how people are made to install what they did not mean. A person decides. Names in a scope,\nand those near names of the same owner, are not held against each other."},
		{"G13", "the name is not reserved, and the package is open",
			"The registry's list of reserved names holds those of GAL's own modules. A package that was closed stays closed."},
		{"G20", "the version is new",
			"A published version never changes. Raise the version."},
		{"G21", "the version follows those that are there (a remark)",
			"A number that leaves others out is most often a slip, and cannot be taken back. It is said and let in."},
		{"G24", "a patch needs no newer toolchain",
			"People take a patch without looking; one that raises gal-version takes it from those who have an older toolchain. A\nperson decides. Publish it as the next minor version."},
		{"G30", "every dependency is in a registry",
			"A package whose dependencies cannot be found cannot be installed, and a name that is free could be taken by\nsomebody else later. Publish the dependency first."},
		{"G31", "no requirement is open to every version",
			"\"*\" also takes versions that do not exist yet and will break the package. Write a requirement such as \"1.2\"."},
		{"G40", "the archive is there, with its size and digest",
			"An archive is uploaded before its line is proposed, so that what the index names can always be downloaded."},
		{"G44", "the archive is safe to unpack",
			"No paths that leave the folder, no links, no names that are one on some file systems, no bombs; one top folder with\nthe package's name and version."},
		{"G45", "the manifest inside says what the line says",
			"Resolvers read the line and builds read gal.toml. If they differed, people would build something else than what was\nchosen and checked."},
		{"G46", "a licence and a description are there",
			"Without a licence nobody may use the package, and without a description nobody finds it."},
		{"G47", "no secrets are in the archive",
			"What is published can be read by everybody, for ever. Private keys never are, and files that are called as secrets\nare (.env, id_rsa, credentials.toml) only where include in gal.toml names them. A secret that was uploaded is to be\nreplaced by its owner."},
		{"G50", "the signer may speak, and the signature verifies",
			"The line is signed by a live key of a registered publisher who owns the package and may write it under the\nregistry's rules. A key belongs to one publisher for ever. Lines of @registry and @root are signed by the keys of the\nroot of trust that they name, which must be the one of now."},
		{"G51", "enough owners, or root keys, signed",
			"Changing the owners, and closing a package, need as many signatures as the package's threshold says; giving a package\nor a publisher's name to others as many root keys as the root of trust says. A new key signs for itself."},
		{"G56", "nothing of before becomes suspect without a person",
			"A key that is said to be compromised since an earlier moment takes versions away from people who have them. A person\nlooks whether the owner says so, and not the thief."},
		{"G61", "the policy lets this class in without a person",
			"[policy] in registry.toml says whether new publishers, packages, versions and owners wait for a person. An operator\nlooks and says: gal-registry gate DIR --merge --approve BRANCH"},
		{"G65", "nobody has turned it down",
			"A person of the registry has looked at the proposal and said no (gal-registry gate DIR --reject BRANCH), or its\nauthor has taken it back (gal-pkg publish --cancel). The reason stands beside it. Whoever has a copy of its signed line\ncan propose that again; then a person decides."},
	}
}

// Explain returns the check with an id.
func Explain(id string) (Check, bool) {
	for _, c := range Checks() {
		if c.ID == id {
			return c, true
		}
	}
	return Check{}, false
}
