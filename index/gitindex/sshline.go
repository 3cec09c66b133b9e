package gitindex

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing/transport"
	gogitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
	"golang.org/x/net/proxy"
)

// sshLine is one run of git-upload-pack on the server. In v2 it takes one request after the other, in v0 a single one.
type sshLine struct {
	at     location
	meter  *meter
	client *ssh.Client
	run    *ssh.Session
	in     io.Writer
	out    io.Reader
	said   *head // on standard error
}

// greet connects. Servers that do not let a client set GIT_PROTOCOL speak v0.
func (l *sshLine) greet(ctx context.Context) (io.ReadCloser, error) {
	l.meter.requests.Add(1)
	if err := l.connect(ctx); err != nil {
		return nil, err
	}
	stop := l.closeWith(ctx)
	if err := l.start(); err != nil {
		stop()
		return nil, errors.Join(ctx.Err(), err)
	}
	return &sshBody{ctx: ctx, line: l, src: &bounded{l.out, maxRefBytes}, stop: stop}, nil
}

// connect opens the connection, with a host and port as the user's ssh_config has them for this name.
func (l *sshLine) connect(ctx context.Context) error {
	auth, err := sshAuth(l.at)
	if err != nil {
		return err
	}
	config, err := auth.ClientConfig()
	if err != nil {
		return err
	}
	dialing, cancel := context.WithTimeout(ctx, sshTimeout)
	defer cancel()
	addr := sshAddress(l.at)
	conn, err := proxy.Dial(dialing, "tcp", addr)
	if err != nil {
		return errors.Join(ctx.Err(), err)
	}
	stop := context.AfterFunc(dialing, func() { conn.Close() })
	c, channels, requests, err := ssh.NewClientConn(conn, addr, config)
	if err != nil || !stop() {
		conn.Close()
		return errors.Join(dialing.Err(), err)
	}
	l.client = ssh.NewClient(c, channels, requests)
	return nil
}

func sshAddress(at location) string {
	host, port := at.host, at.port
	if name := gogitssh.DefaultSSHConfig.Get(at.host, "Hostname"); name != "" {
		host = name
		if p, err := strconv.Atoi(gogitssh.DefaultSSHConfig.Get(at.host, "Port")); err == nil {
			port = p
		}
	}
	if port == 0 {
		port = gogitssh.DefaultPort
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

func (l *sshLine) start() error {
	session, err := l.client.NewSession()
	if err != nil {
		return err
	}
	l.run = session
	if l.in, err = session.StdinPipe(); err != nil {
		return err
	}
	if l.out, err = session.StdoutPipe(); err != nil {
		return err
	}
	l.said = &head{}
	session.Stderr = l.said
	_ = session.Setenv("GIT_PROTOCOL", "version=2") // a server that refuses is one of v0
	// The path is plain and the words are ours: see plainPath.
	return session.Start(fmt.Sprintf("%s '%s'", uploadPack, strings.ReplaceAll(l.at.path, "'", `'\''`)))
}

func (l *sshLine) ask(ctx context.Context, request []byte) (io.ReadCloser, error) {
	stop := l.closeWith(ctx)
	if _, err := l.in.Write(request); err != nil {
		stop()
		return nil, errors.Join(ctx.Err(), err)
	}
	return &sshBody{ctx: ctx, line: l, src: l.out, stop: stop}, nil
}

// closeWith ends the connection, and with it every read, when ctx ends.
func (l *sshLine) closeWith(ctx context.Context) func() bool {
	return context.AfterFunc(ctx, func() { l.client.Close() })
}

func (l *sshLine) close() {
	if l.client != nil {
		l.client.Close()
	}
}

// sshBody reads one answer out of the run's output. Whoever reads it stops where the answer does.
type sshBody struct {
	ctx  context.Context
	line *sshLine
	src  io.Reader
	stop func() bool
}

func (b *sshBody) Read(p []byte) (int, error) {
	n, err := b.src.Read(p)
	b.line.meter.bytes.Add(int64(n))
	if ctxErr := b.ctx.Err(); err != nil && ctxErr != nil {
		return n, ctxErr
	}
	if err == io.EOF {
		err = b.line.ended()
	}
	return n, err
}

func (b *sshBody) Close() error {
	b.stop()
	return nil
}

// ended says why the server has ended its output.
func (l *sshLine) ended() error {
	_ = l.run.Wait() // standard error comes beside, and may be late
	text := l.said.String()
	for _, words := range []string{"not found", "does not exist", "does not appear to be a git repository", "no such repository", "could not be found"} {
		if strings.Contains(strings.ToLower(text), words) {
			return fmt.Errorf("%w: %s", transport.ErrRepositoryNotFound, text)
		}
	}
	if text != "" {
		return fmt.Errorf("%w: the server says: %s", io.ErrUnexpectedEOF, text)
	}
	return io.EOF
}

// head keeps the first bytes that are written to it.
type head struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf.Write(p[:min(len(p), maxErrorBytes-h.buf.Len())])
	return len(p), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.TrimSpace(h.buf.String())
}
