package archive

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Secrets returns a fatal problem for each file that must not be published: one that holds a private key in PEM, and one
// whose name is nearly always that of a secret, unless a pattern of include names it. A pattern names a file if it has no
// wildcard and is its path, or its last part where the pattern has no slash; one that matches a folder names no file in it.
// PEM that holds only certificates and public keys is none, whatever its name.
func Secrets(files []File, include []string) []Problem {
	named := namedBy(include)
	var problems []Problem
	for _, f := range files {
		if p, ok := secret(f, named); ok {
			problems = append(problems, p)
		}
	}
	return problems
}

func secret(f File, named names) (Problem, bool) {
	switch {
	case holdsPrivateKey(f.Data):
		return Problem{f.Path, "private-key", "holds a private key; keep it elsewhere, or leave it out with [package] exclude", true}, true
	case secretName(f.Path) && !named.file(f.Path) && !publicPEM(f.Data):
		return Problem{f.Path, "secret", "is called as secrets are; leave it out with [package] exclude, or name it in include if it holds none", true}, true
	}
	return Problem{}, false
}

// names are patterns without wildcards.
type names []string

func namedBy(include []string) names {
	var list names
	for _, pattern := range include {
		if !strings.ContainsAny(pattern, `*?[\!#`) {
			list = append(list, strings.TrimSuffix(strings.TrimRight(pattern, " "), "/"))
		}
	}
	return list
}

func (n names) file(p string) bool {
	return slices.ContainsFunc(n, func(name string) bool {
		return strings.TrimPrefix(name, "/") == p || !strings.Contains(name, "/") && name == path.Base(p)
	})
}

// Names reports whether a pattern of include names a file, as [Secrets] says.
func Names(include []string, file string) bool { return namedBy(include).file(file) }

// into reports whether a name is that of a folder or lies below it.
func (n names) into(folder string) bool {
	return n.file(folder) || slices.ContainsFunc(n, func(name string) bool {
		return strings.HasPrefix(strings.TrimPrefix(name, "/"), folder+"/")
	})
}

// secretName reports whether a file's name, or that of a folder above it, is nearly always that of a secret.
func secretName(p string) bool {
	folders, name := path.Split(strings.ToLower(p))
	for folder := range strings.SplitSeq(folders, "/") {
		switch folder {
		case ".aws", ".ssh", ".gnupg", ".kube":
			return true
		}
	}
	switch name {
	case "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk", ".netrc", "_netrc", ".npmrc", ".pypirc", ".pgpass",
		".git-credentials", ".htpasswd", ".dockercfg":
		return true
	case ".env", ".envrc":
		return true
	case ".env.example", ".env.sample", ".env.template", ".env.dist":
		return false
	}
	if strings.HasPrefix(name, ".env.") {
		return true
	}
	name = strings.TrimPrefix(name, ".")
	switch path.Ext(name) {
	case ".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk":
		return true
	case "", ".toml", ".json", ".yaml", ".yml", ".ini", ".cfg", ".xml", ".csv", ".txt", ".properties":
		return strings.HasPrefix(name, "credentials")
	}
	return false
}

// litter reports the names of what systems, editors and other tools leave behind.
func litter(name string, isDir bool) bool {
	name = strings.ToLower(name)
	if isDir {
		return name == "node_modules" || name == "__pycache__" || name == ".hg" || name == ".svn"
	}
	switch name {
	case ".ds_store", "thumbs.db", "desktop.ini":
		return true
	}
	return strings.HasSuffix(name, ".swp") || strings.HasSuffix(name, ".swo") || strings.HasSuffix(name, "~") || strings.HasPrefix(name, "._")
}

var pemBlock = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^[ \t]*-----BEGIN ([A-Z0-9 ]*)-----`)
})

// holdsPrivateKey looks for the line that begins a private key of PKCS#1, PKCS#8, SEC 1, OpenSSH, Sigstore or OpenPGP.
func holdsPrivateKey(data []byte) bool {
	if !bytes.Contains(data, []byte("PRIVATE KEY")) {
		return false
	}
	return slices.ContainsFunc(pemBlock().FindAllSubmatch(data, -1), func(found [][]byte) bool {
		kind := bytes.TrimSuffix(found[1], []byte(" BLOCK"))
		return bytes.HasSuffix(kind, []byte("PRIVATE KEY"))
	})
}

// publicPEM reports whether data is PEM with nothing in it but what everybody may see.
func publicPEM(data []byte) bool {
	blocks := pemBlock().FindAllSubmatch(data, -1)
	return len(blocks) > 0 && !slices.ContainsFunc(blocks, func(found [][]byte) bool {
		switch string(found[1]) {
		case "CERTIFICATE", "PUBLIC KEY", "RSA PUBLIC KEY", "X509 CRL", "CERTIFICATE REQUEST":
			return false
		}
		return true
	})
}
