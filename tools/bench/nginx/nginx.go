// Package nginx runs the web server of that name for measurements: folders over TLS and HTTP/2, compressed with gzip on the
// way, with an authority of its own. It is what a registry's static tree meets in the world.
//
//	DIR/conf, DIR/*.pem     its configuration and certificate
//	DIR/access.log          a line a request, which is what [Server.Reset] counts
package nginx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/tools/bench/host"
)

// Server is a running nginx. Close it after use.
type Server struct {
	URL string // https://localhost:PORT
	CA  string // file of the authority that has signed its certificate

	log  string
	read int64 // bytes of the log that were counted
	cmd  *exec.Cmd
	said bytes.Buffer
}

// Start starts a program, which is an nginx, in an empty folder. Roots are folders by the first element of the path.
func Start(ctx context.Context, program, dir string, roots map[string]string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Server{URL: fmt.Sprintf("https://localhost:%d", port), CA: filepath.Join(dir, "ca.pem"), log: filepath.Join(dir, "access.log")}
	if err := writeCertificates(dir); err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "conf")
	if err := os.WriteFile(conf, []byte(configuration(dir, port, roots)), 0o644); err != nil {
		return nil, err
	}
	s.cmd = exec.Command(program, "-p", dir, "-c", conf)
	s.cmd.Stdout, s.cmd.Stderr = &s.said, &s.said
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := s.wait(ctx, port); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// freePort is one that was free a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// wait waits until the server takes connections.
func (s *Server) wait(ctx context.Context, port int) error {
	for range 100 {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return fmt.Errorf("%s does not listen", s.cmd.Path)
}

// Close stops the server.
func (s *Server) Close() error {
	if err := s.cmd.Process.Kill(); err != nil {
		return err
	}
	if err := s.cmd.Wait(); s.cmd.ProcessState == nil {
		return err
	}
	if text := s.said.String(); strings.Contains(text, "[emerg]") {
		return errors.New(text)
	}
	return nil
}

// configuration has one process, so that it ends when it is killed. It compresses as a host does that was told to: what is
// compressed already is none the smaller, and costs little.
func configuration(dir string, port int, roots map[string]string) string {
	text := fmt.Sprintf(`daemon off;
master_process off;
pid %[1]q;
error_log %[2]q;
events { worker_connections 1024; }
http {
	default_type text/plain;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 100000;
	gzip on;
	gzip_types *;
	gzip_min_length 200;
	gzip_vary on;
	log_format count "$request_length $bytes_sent";
	access_log %[3]q count;
	client_body_temp_path %[4]q;
	proxy_temp_path %[4]q;
	fastcgi_temp_path %[4]q;
	uwsgi_temp_path %[4]q;
	scgi_temp_path %[4]q;
	server {
		listen 127.0.0.1:%[5]d ssl http2;
		server_name localhost;
		ssl_certificate %[6]q;
		ssl_certificate_key %[7]q;
`, filepath.Join(dir, "pid"), filepath.Join(dir, "error.log"), filepath.Join(dir, "access.log"), filepath.Join(dir, "temp"), port,
		filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	for _, name := range slices.Sorted(maps.Keys(roots)) {
		text += fmt.Sprintf("\t\tlocation /%s/ { alias %q; }\n", name, roots[name]+"/")
	}
	return text + "\t}\n}\n"
}

// Reset begins a new count, and returns what was counted since the last one: bodies and headers, without TLS. The server
// notes a request when it has ended, so this waits until nothing more is noted.
func (s *Server) Reset() host.Counts {
	const quiet = 20 * time.Millisecond
	for before := int64(-1); before != s.size(); time.Sleep(quiet) {
		before = s.size()
	}
	data, err := os.ReadFile(s.log)
	if err != nil {
		return host.Counts{}
	}
	var c host.Counts
	for line := range strings.Lines(string(data[s.read:])) {
		received, sent, _ := strings.Cut(strings.TrimSpace(line), " ")
		c.Requests++
		c.Received += number(received)
		c.Sent += number(sent)
	}
	s.read = int64(len(data))
	return c
}

func (s *Server) size() int64 {
	info, err := os.Stat(s.log)
	if err != nil {
		return 0
	}
	return info.Size()
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
