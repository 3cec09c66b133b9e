package gitindex_test

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

func key(t *testing.T, seed byte) (ed25519.PrivateKey, ssh.Signer) {
	private := ed25519.NewKeyFromSeed([]byte(fmt.Sprintf("%032d", seed)))
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return private, signer
}

// sshServer runs the real git-upload-pack and git-receive-pack for whoever has the user's key, and returns its address. The
// variables of the environment that it takes from clients are those in accept.
func sshServer(t *testing.T, host ssh.Signer, user ssh.PublicKey, accept ...string) string {
	config := &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if c.User() != "git" || string(k.Marshal()) != string(user.Marshal()) {
			return nil, fmt.Errorf("unknown key")
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveSSH(conn, config, accept)
		}
	}()
	return l.Addr().String()
}

var gitCommand = regexp.MustCompile(`^(git-(?:upload|receive)-pack) '([^']+)'$`)

func serveSSH(conn net.Conn, config *ssh.ServerConfig, accept []string) {
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		conn.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	for asked := range channels {
		channel, requests, err := asked.Accept()
		if err != nil {
			return
		}
		go func() {
			defer channel.Close()
			var env []string
			for req := range requests {
				var set struct{ Name, Value string }
				if req.Type == "env" && ssh.Unmarshal(req.Payload, &set) == nil {
					ok := slices.Contains(accept, set.Name)
					if ok {
						env = append(env, set.Name+"="+set.Value)
					}
					req.Reply(ok, nil)
					continue
				}
				var payload struct{ Command string }
				m := []string(nil)
				if req.Type == "exec" && ssh.Unmarshal(req.Payload, &payload) == nil {
					m = gitCommand.FindStringSubmatch(payload.Command)
				}
				req.Reply(m != nil, nil)
				if m == nil {
					continue
				}
				cmd := gittest.Command("/", m[1][len("git-"):], m[2])
				cmd.Env = append(cmd.Env, env...)
				cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
				stdin, err := cmd.StdinPipe()
				if err == nil && cmd.Start() == nil {
					go func() { io.Copy(stdin, channel); stdin.Close() }()
					cmd.Wait()
				}
				channel.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
				return
			}
		}()
	}
}

// sshAgent runs an agent with one key, and points the environment to it and to a known_hosts file.
func sshAgent(t *testing.T, private ed25519.PrivateKey, knownHosts string) {
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "agent") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(ring, conn)
		}
	}()
	hosts := filepath.Join(dir, "known_hosts")
	if err := os.WriteFile(hosts, []byte(knownHosts+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSH_AUTH_SOCK", filepath.Join(dir, "s"))
	t.Setenv("SSH_KNOWN_HOSTS", hosts)
}

func TestSSH(t *testing.T) {
	t.Run("all folders", func(t *testing.T) { testSSH(t, gitindex.TierV2, "GIT_PROTOCOL") })
	t.Run("v0", func(t *testing.T) { testSSH(t, gitindex.TierV0) })
	t.Run("treeless", func(t *testing.T) { testSSH(t, gitindex.TierTreeless, "GIT_PROTOCOL") })
}

func testSSH(t *testing.T, tier gitindex.Tier, accept ...string) {
	files := index(100)
	repo, first := gittest.Repo(t, "main", files)
	_, host := key(t, 1)
	private, user := key(t, 2)
	addr := sshServer(t, host, user.PublicKey(), accept...)
	url := "git+ssh://git@" + addr + repo.Dir()
	sshAgent(t, private, knownhosts.Line([]string{addr}, host.PublicKey()))

	dir := t.TempDir()
	treeless := tier == gitindex.TierTreeless
	connections := int64(1) // of a refresh
	if tier == gitindex.TierV2 {
		limit(t, repo, true)
		connections = 2 // which a refusal ends
	}
	s := open(t, dir, gitindex.Options{URL: url, Branch: "main"})
	refresh(t, s, true)
	if n := blobs(t, dir); n != 0 || s.Revision() != first.String() || s.Tier() != tier {
		t.Errorf("%d blobs, at %s, %s", n, s.Revision(), s.Tier())
	}
	fetch(t, s, files, name(1), name(2), "no")
	if n := blobs(t, dir); n != 2 {
		t.Errorf("%d blobs for two files", n)
	}
	if st := s.Stats(); st.Requests != connections+1 {
		t.Errorf("%d connections for a refresh and a fetch", st.Requests)
	}
	before := s.Stats()
	gittest.Commit(t, repo, "main", map[string]string{name(3): "changed"})
	refresh(t, s, true)
	if st := s.Stats(); st.Objects-before.Objects != map[bool]int64{true: 4, false: 5}[treeless] || st.Requests != connections+2 {
		t.Errorf("one file changed: %+v, before %+v", st, before)
	}
	fetch(t, s, map[string]string{name(3): "changed"}, name(3))
	commit, err := s.Commit(t.Context(), []gitindex.Edit{{Path: name(1), Data: []byte("new")}}, gittest.Info("x"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Push(t.Context(), proposal, commit, gitindex.PushOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if refs, err := s.Refs(t.Context(), "refs/heads/publish/"); err != nil || len(refs) != 1 || refs[0].Hash.String() != commit {
		t.Errorf("%v, %v", refs, err)
	}
	if st := s.Stats(); st.Requests == 0 || st.Bytes == 0 {
		t.Errorf("%+v", st)
	}
	gittest.Fsck(t, repo.Dir())

	missing := open(t, t.TempDir(), gitindex.Options{URL: url + "x", Branch: "main"})
	if _, err := missing.Refresh(t.Context()); !fault.IsCode(err, "git-repository-not-found") {
		t.Errorf("no such repository: %v", err)
	}
	_, stranger := key(t, 3)
	other, _ := key(t, 4)
	for what, setup := range map[string]func(){
		"another host key": func() { sshAgent(t, private, knownhosts.Line([]string{addr}, stranger.PublicKey())) },
		"an unknown host":  func() { sshAgent(t, private, "") },
		"another user key": func() { sshAgent(t, other, knownhosts.Line([]string{addr}, host.PublicKey())) },
		"no agent":         func() { t.Setenv("SSH_AUTH_SOCK", "/nonexistent") },
	} {
		setup()
		s := open(t, t.TempDir(), gitindex.Options{URL: url, Branch: "main"})
		if _, err := s.Refresh(t.Context()); fault.KindOf(err) != fault.Auth {
			t.Errorf("%s: %v", what, err)
		}
	}
}
