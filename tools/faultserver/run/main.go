// Command run serves a folder with faults on this machine, until it is interrupted:
//
//	go run ./tools/faultserver/run -dir DIR 'status:429:2 /blobs/** 1' 'corrupt /registry.toml'
//
// It prints its address, then every request with the rule that answered it. Package faultserver has the rules.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/geeknik/gal-pkg/tools/faultserver"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	dir := flag.String("dir", ".", "folder to serve")
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	server := faultserver.New(os.DirFS(*dir))
	if err := server.Inject(flag.Args()...); err != nil {
		return err
	}
	socket, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Println("http://" + socket.Addr().String())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	host := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			said := recover()
			if all := server.Requests(r.URL.Path); len(all) > 0 {
				last := all[len(all)-1]
				fmt.Printf("%s %s %s\n", last.Method, last.Path, last.Rule)
			}
			if said != nil {
				panic(said)
			}
		}()
		server.ServeHTTP(w, r)
	})}
	context.AfterFunc(ctx, func() { server.Close(); host.Close() })
	if err := host.Serve(socket); err != http.ErrServerClosed {
		return err
	}
	return nil
}
