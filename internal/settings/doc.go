// Package settings is what a user has configured outside of projects: where the folders are, which registries there are,
// the values of config.toml and the credentials. It reads and edits files; it asks nobody, and it knows no network.
//
// # Folders
//
//	          Linux and others               macOS                                    Windows
//	Config    $XDG_CONFIG_HOME/gal           ~/Library/Application Support/gal        %APPDATA%\gal
//	Cache     $XDG_CACHE_HOME/gal            ~/Library/Caches/gal                     %LOCALAPPDATA%\gal\cache
//	State     $XDG_STATE_HOME/gal            ~/Library/Application Support/gal/state  %LOCALAPPDATA%\gal\state
//
// The XDG variables count on macOS too where they are set; where they are not, they are ~/.config, ~/.cache and
// ~/.local/state. GAL_CONFIG_DIR, GAL_CACHE_DIR and GAL_DATA_DIR (the state) go before all of it.
//
// # registries.toml
//
//	default_registry = "company"
//
//	[registries.company]
//	name = "company"                          # the table's key
//	url = "https://packages.company.com"      # see below
//	auth_type = "Token"                       # Token (the default), Basic, OAuth2, None
//	verify_signatures = true                  # true (the default), "warn", false
//	allow_insecure = false                    # plain http beyond loopback
//	timeout_seconds = 30                      # 1 to 3600: for how long a request may bring nothing, all attempts together
//	max_retries = 3                           # 0 to 20
//	public_keys = ["MFkw..."]                 # publishers' keys, base64 of SPKI: only signatures by these count
//	trusted_publishers = ["company-team"]     # ids of publishers, likewise
//	mirrors = ["https://mirror.company.com"]  # asked first; they need no trust
//	origin = "ask"                            # ask (the default), block: nothing but the mirrors, for the index too
//	max_age = "30 days"                       # take an index that expired so long ago all the same, with a warning each time
//	packages = ["company/*", "gal-company-*"] # names that are this registry's: a name, or a beginning and a star
//	root = "sha256:..."                       # pins the registry's root of trust
//	id = "packages.company.com"               # the registry's own name for itself, pinned when it was added
//	client_cert = "/home/alice/alice.pem"     # certificate that the registry's host asks for, PEM; an absolute path
//	client_key = "/home/alice/alice.key"      # its key, where it is not in the same file; not encrypted
//
// One attempt that stands still is given up after a third of timeout_seconds, 10 s, and another one is made. The
// certificate is shown to the origin of url alone; its key is not read when anybody but its owner may read it.
//
// Keys are accepted with `-` for `_`. A registry's name has 1 to 64 bytes of a-z, 0-9, `-` and `_`, and begins and ends
// with a letter or digit; two names that differ by `-` and `_` alone are refused, because they share a variable. An address is
// https://, git+https://, git+ssh:// (which may name a user, never a password), file:/// or an absolute path of a folder or a tar; http:// and
// git+http:// only to loopback or with allow_insecure. It has no userinfo, query or fragment.
//
// Without a file, and wherever the default is `default` and no table has that name, [BuiltIn] is the registry `default`.
//
// # config.toml
//
//	publisher = "alice"          # the id that publishes
//	jobs = 8                     # 1 to 256
//	color = "auto"               # auto, always, never
//	offline = false
//	[signing]
//	key = "/home/alice/key.pem"  # absolute, or relative to the folder of this file
//	auto = true
//	[store]
//	verify = "content"           # content, stat
//	[fetch]
//	git-binary = "auto"          # auto, never, always
//	[cache]
//	shared = "https://cache.company.com"  # speaks the HTTP protocol of Bazel's remote caches
//	shared-write = false         # true: give it what it does not have
//
// Two more keys of [Config] live elsewhere: `default-registry` in registries.toml, `auth.token` (read only, masked) in
// the credentials.
//
// # credentials.toml
//
//	[registries.company]
//	origin = "https://packages.company.com"  # where the credential goes, and nowhere else
//	token = "gal_..."                        # or username and password
//	[cache.shared]                           # likewise, of the cache that a team has in common
//	origin = "https://cache.company.com"
//	username = "alice"
//	password = "..."
//
// It has mode 0600, and is not read when anybody but its owner may read it.
//
// # All three
//
// They are TOML 1.0 of at most 256 KiB. An unknown key is a warning; whatever else is wrong is an error, and all errors of a
// file come at once. An edit keeps every byte that it does not concern, is atomic, and happens under the lock file
// `.lock` in the same folder, so that edits of several processes all count.
//
// Errors are [fault.Error] values: kind config with code bad-config, bad-credentials, credentials-exposed or
// settings-not-written; usage, not-found and negative as the functions say.
package settings
