package gitindex

import (
	"net"
	"strconv"
	"time"

	gogitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
)

const (
	sshTimeout  = 30 * time.Second // to connect
	defaultUser = "git"
)

// agentAuth signs in with the keys of the ssh agent. Host keys must be in known_hosts, and only the key types that it has
// for this host are asked for: otherwise a server with several keys could answer with one that is not listed.
type agentAuth struct {
	*gogitssh.PublicKeysCallback
	host string
}

// sshAuth fails where no agent answers or no known_hosts file is there.
func sshAuth(l location) (gogitssh.AuthMethod, error) {
	user, port := l.user, l.port
	if user == "" {
		user = defaultUser
	}
	if port == 0 {
		port = gogitssh.DefaultPort
	}
	keys, err := gogitssh.NewSSHAgentAuth(user)
	if err != nil {
		return nil, err
	}
	return agentAuth{keys, net.JoinHostPort(l.host, strconv.Itoa(port))}, nil
}

// ClientConfig implements go-git's interface.
func (a agentAuth) ClientConfig() (*ssh.ClientConfig, error) {
	known, err := gogitssh.NewKnownHostsDb()
	if err != nil {
		return nil, err
	}
	return &ssh.ClientConfig{
		User:              a.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeysCallback(a.Callback)},
		HostKeyCallback:   known.HostKeyCallback(),
		HostKeyAlgorithms: known.HostKeyAlgorithms(a.host),
		Timeout:           sshTimeout,
	}, nil
}
