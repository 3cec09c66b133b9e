package gitindex

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	gogithttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// cloneByGit lets the program git fetch a snapshot with all its files into a generation that has nothing yet, and reports
// whether it has. After a failure the generation is empty again; whoever fetches then finds the reason himself. What git
// has fetched is held to be whole like everything, and hashed again when it is read.
func (s *Store) cloneByGit(ctx context.Context, repo *gitrepo.Repo, want snapshot) (answer, bool) {
	if s.opts.Git == "" || s.opts.Commit != "" || want.leave != "" || !want.base.IsZero() || repo.PackCount() > 0 {
		return answer{}, false
	}
	s.remote.meter.requests.Add(1)
	packs := filepath.Join(repo.Dir(), "objects", "pack")
	ctx, cancel := context.WithCancel(ctx)
	cmd := s.gitFetch(ctx, repo.Dir(), want.commit)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watch(ctx, cancel, packs, s.opts.MaxPackBytes)
	}()
	err := cmd.Run()
	cancel()
	<-watched
	size := packBytes(packs)
	if err != nil || size > s.opts.MaxPackBytes || !repo.Has(want.commit) {
		empty(packs)
		os.Remove(filepath.Join(repo.Dir(), "shallow"))
		return answer{}, false
	}
	s.remote.meter.bytes.Add(size)
	s.remote.meter.objects.Add(repo.PackedObjects())
	return answer{version: 2}, true
}

// gitFetch prepares git with the user's own settings, which are what it is there for, but without questions, hooks,
// redirects, other schemes, and work in the background.
func (s *Store) gitFetch(ctx context.Context, dir string, commit gitrepo.Hash) *exec.Cmd {
	at := s.remote.at
	settings := []string{
		"protocol.allow=never", "protocol." + at.scheme + ".allow=always", "http.followRedirects=false",
		"core.askPass=", "core.sshCommand=ssh -oBatchMode=yes", "core.hooksPath=" + os.DevNull,
		"gc.auto=0", "maintenance.auto=false", "fetch.unpackLimit=1", "fetch.recurseSubmodules=no",
	}
	args := []string{"--git-dir=."}
	for _, set := range settings {
		args = append(args, "-c", set)
	}
	args = append(args, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--depth=1", "--", at.url(), commit.String())
	cmd := exec.CommandContext(ctx, s.opts.Git, args...)
	cmd.Dir = dir
	cmd.Env = append(gitEnvironment(), s.gitCredentials()...)
	cmd.WaitDelay = time.Second // git's own children may hold on to nothing of ours
	return cmd
}

// gitEnvironment is that of this process, without what would lead git to another repository or make it ask.
func gitEnvironment() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "GIT_") && !strings.HasPrefix(e, "SSH_ASKPASS") {
			env = append(env, e)
		}
	}
	return append(env, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
}

// gitCredentials hands git the credentials for the origin of the address, in the environment: arguments are seen by all
// users of the machine.
func (s *Store) gitCredentials() []string {
	if s.remote.at.scheme == "ssh" {
		return nil
	}
	auth := httpAuth(s.remote.at, s.opts)
	if auth == nil {
		return nil
	}
	return []string{
		"GIT_CONFIG_COUNT=1", fmt.Sprintf("GIT_CONFIG_KEY_0=http.%s/.extraHeader", s.remote.at.origin()),
		"GIT_CONFIG_VALUE_0=Authorization: " + authorization(auth),
	}
}

func authorization(auth gogithttp.AuthMethod) string {
	req := http.Request{Header: http.Header{}}
	auth.SetAuth(&req)
	return req.Header.Get("Authorization")
}

const watchPause = 100 * time.Millisecond

// watch gives up, by cancel, when more than limit bytes came: git itself has no such limit. It ends with ctx.
func watch(ctx context.Context, cancel func(), packs string, limit int64) {
	tick := time.NewTicker(watchPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if packBytes(packs) > limit {
				cancel()
			}
		}
	}
}

// packBytes adds up the packs of a folder, those that are still being written too.
func packBytes(dir string) int64 {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	var total int64
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && (strings.HasSuffix(e.Name(), ".pack") || strings.HasPrefix(e.Name(), "tmp_pack")) {
			total += info.Size()
		}
	}
	return total
}

// empty removes the files of a folder.
func empty(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		os.Remove(filepath.Join(dir, e.Name()))
	}
}
