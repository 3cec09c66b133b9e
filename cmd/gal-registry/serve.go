package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/tools/serve"
	"github.com/geeknik/gal-pkg/tools/site"
)

type serveCmd struct {
	Dir          string `arg:"" placeholder:"DIR" help:"The registry's folder."`
	Listen       string `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where to listen; port 0 takes a free one (default: ${default})."`
	InsecureHTTP bool   `name:"insecure-http" help:"Listen on an address that others reach, although tokens then cross the network unencrypted."`
}

func (serveCmd) Help() string {
	return `Prints its URL on stdout when it listens, and one line an event on stderr. Serves the published tree, git under
/index.git, and uploads; a push of a proposal is judged and merged before it ends. Stops on SIGINT and SIGTERM, after
the requests that are under way.

It speaks plain HTTP. For others than yourself, put a server that speaks TLS in front of it, or serve DIR/public from
any web server or object store: reading needs nothing of this program.

EXAMPLES
  gal-registry serve ./registry
  gal-registry serve ./registry --listen 127.0.0.1:0`
}

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	grace         = 20 * time.Second // for requests that are under way when it stops
)

func (c *serveCmd) Run(a *app) error {
	address, err := c.address()
	if err != nil {
		return err
	}
	s, err := openSite(c.Dir)
	if err != nil {
		return err
	}
	defer s.Close()
	// A proposal that was pushed when a former run was cut off has nobody else who would look at it.
	if err := c.catchUp(a, s); err != nil {
		return err
	}
	handler, err := serve.Handler(s, serve.Options{Now: a.now, Log: a.Say})
	if err != nil {
		return err
	}
	listener, err := net.ListenTCP("tcp", address)
	if err != nil {
		return fault.New(fault.Network, "cannot-listen", "cannot listen on %s", c.Listen).Because(err)
	}
	url := "http://" + listener.Addr().String()
	if err := a.Result("serve", map[string]string{"url": url}, cmdline.Text(url+"\n")); err != nil {
		listener.Close()
		return err
	}
	return serveUntil(a.ctx, listener, handler)
}

func (c *serveCmd) catchUp(a *app, s *site.Site) error {
	outcomes, err := s.Merge(a.ctx, a.now(), nil)
	for _, o := range outcomes {
		a.Say("%s: %s %s", o.Branch, o.Report.Verdict, o.Merged)
	}
	return err
}

// address is where to listen: on loopback, unless the user has said that more is meant.
func (c *serveCmd) address() (*net.TCPAddr, error) {
	address, err := net.ResolveTCPAddr("tcp", c.Listen)
	if err != nil {
		return nil, fault.New(fault.Usage, "bad-address", "--listen %q is not HOST:PORT", c.Listen).Because(err).WithHelp("--listen 127.0.0.1:8080")
	}
	if !address.IP.IsLoopback() && !c.InsecureHTTP {
		return nil, fault.New(fault.Usage, "not-loopback", "others reach %q, and tokens would cross the network unencrypted", c.Listen).
			WithHelp("put a server that speaks TLS in front of 127.0.0.1:%d", address.Port).
			WithHelp("gal-registry serve %s --listen %s --insecure-http", c.Dir, c.Listen)
	}
	return address, nil
}

// serveUntil serves until ctx ends, which is how it is meant to end, and lets requests that are under way finish.
func serveUntil(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := server.Shutdown(patience)
	if errors.Is(err, context.DeadlineExceeded) {
		return server.Close()
	}
	return err
}
