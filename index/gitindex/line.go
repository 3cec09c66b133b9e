package gitindex

import (
	"context"
	"io"

	"github.com/geeknik/gal-pkg/index/gitindex/gitwire"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// line is what carries a talk with a server's git-upload-pack: [httpLine] or [sshLine]. Answers are cut off at maxRefBytes
// and at what a pack may have, with an error that matches [gitrepo.ErrTooLarge]. They end early when ctx ends.
type line interface {
	greet(ctx context.Context) (io.ReadCloser, error)
	ask(ctx context.Context, request []byte) (io.ReadCloser, error)
	close()
}

// talk is a line and what the server has said first.
type talk struct {
	line
	hello gitwire.Greeting
	stale bool // the refs of the greeting are of some time ago
}

// opened greets. The protocol is v2 where the server speaks it, else v0.
func opened(ctx context.Context, l line) (*talk, error) {
	body, err := l.greet(ctx)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	hello, err := gitwire.ReadGreeting(body)
	if err == nil && hello.ObjectFormat() != "sha1" {
		err = errObjectFormat
	}
	if err != nil {
		return nil, err
	}
	return &talk{line: l, hello: hello}, nil
}

// refs lists the server's refs. A server of v2 is asked for those that begin with the prefixes; it may give more. One of
// v0 has said all of them in its greeting.
func (t *talk) refs(ctx context.Context, prefixes ...string) ([]gitwire.Ref, error) {
	if t.hello.Version == 0 {
		return t.hello.Refs, nil
	}
	body, err := t.ask(ctx, gitwire.ListRequest(prefixes...))
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return gitwire.ReadRefs(&bounded{body, maxRefBytes})
}

// bounded fails with [gitrepo.ErrTooLarge] once more than left bytes came.
type bounded struct {
	src  io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.src.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, gitrepo.ErrTooLarge
	}
	return n, err
}
