package site

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/translog"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

// jobKeys loads the keys that the jobs always need, and that no command replaces.
func (s *Site) jobKeys() (err error) {
	logFile, commitFile := s.Path("keys", "log.key"), s.Path("keys", "commit.pem")
	if s.log, err = translog.LoadKeyFile(logFile); err != nil {
		return lostJobKey(err, logFile, "it signs the checkpoints of the log; clients believe this one key, so another cannot take its place")
	}
	if s.commit, err = sign.LoadKeyFile(commitFile, nil); err != nil {
		return lostJobKey(err, commitFile, "it signs the commits of the registry's own jobs; with another key, git could not verify those that are there")
	}
	return nil
}

// lostJobKey says what a key file that is not there means: what the key file's own error advises, a new key, does harm.
func lostJobKey(err error, file, does string) error {
	if !fault.IsCode(err, "key-not-found") {
		return err
	}
	return fault.New(fault.Auth, "key-missing", "the registry's key %s is missing, and without it nothing is built or signed", file).
		WithFact("%s", does).
		WithFact("what is published is unharmed: any web server can serve %s, gal-registry verify and mirror work, and so do installs until the metadata expires", PublicDir+"/").
		WithHelp("restore %s from your backup; no command makes a new one, and keygen does not either", file)
}

// lostRoles returns the roles of which every build may need a key, and has not enough in keys/.
func (s *Site) lostRoles(root *tuf.Root) ([]string, error) {
	keys, err := s.trustKeys()
	if err != nil {
		return nil, err
	}
	var lost []string
	for _, role := range onlineRoles {
		named, here := roleOf(&root.Roles, role), 0
		for _, key := range *keysOf(&keys, role) {
			if slices.Contains(named.Keys, key.Public()) {
				here++
			}
		}
		if here < named.Threshold {
			lost = append(lost, role)
		}
	}
	return lost, nil
}

// lostKeys explains, where keys of roles are lost, an error of code key-missing; other errors it returns as they are.
func (s *Site) lostKeys(err error) error {
	if !fault.IsCode(err, "key-missing") {
		return err
	}
	root, _, rootErr := s.Root()
	if rootErr != nil {
		return err
	}
	lost, lostErr := s.lostRoles(root)
	if lostErr != nil || len(lost) == 0 {
		return err
	}
	return s.lostFault(root, lost, nil)
}

// lostFault is the error of roles whose keys are lost while others are given new ones.
func (s *Site) lostFault(root *tuf.Root, lost, others []string) error {
	f := fault.New(fault.Auth, "key-missing", "no key for %s is in %s", strings.Join(lost, " and "), s.Path("keys"))
	for _, role := range lost {
		f.WithFact("%s", lossOf(role))
	}
	f.WithHelp("restore %s from your backup", filepath.Join(s.dir, "keys", lost[0]+"*.pem"))
	command := "gal-registry root rotate " + s.dir
	for _, role := range append(slices.Clone(others), lost...) {
		command += " --role " + role
	}
	if root.Roles.Root.Threshold > 1 {
		command += strings.Repeat(" --root-key FILE", root.Roles.Root.Threshold)
	}
	return f.WithHelp("%s      # or make a new one; clients follow by themselves", command)
}

// lossOf says what cannot be done without the key of a role, and what still can.
func lossOf(role string) string {
	if role == roleTimestamp {
		return "without timestamp nothing is published or refreshed, and clients refuse the registry three days after its last refresh"
	}
	return "without " + role + " nothing new is published; refreshes go on, and clients refuse the registry once the " + role + " metadata has expired"
}
