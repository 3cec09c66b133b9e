package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/tarfile"
)

// archive makes sure that the archive is in the cache, from the first address that has it.
func (f *fetcher) archive(ctx context.Context, r *Result) error {
	begun, err := f.o.Early.take(ctx, r)
	if !begun {
		err = f.bring(ctx, r)
	}
	var wrong *cache.MismatchError
	if errors.As(err, &wrong) {
		return mismatch(r.Item, r.URL, wrong)
	}
	if err == nil && r.Downloaded && !r.shared && !f.o.Offline && f.o.Shared.wants() && !f.health.Rests(f.o.Shared.origin) {
		f.o.Shared.share(f, r.Item)
	}
	return err
}

func (f *fetcher) bring(ctx context.Context, r *Result) error {
	if f.o.Offline && !f.o.Cache.Has(r.Item) && !slices.ContainsFunc(f.usable(r.Item), f.isThere) {
		return errMissing
	}
	filled, err := f.o.Cache.Fill(ctx, r.Item, func(p *cache.Pending) (err error) {
		if r.shared = f.fromShared(ctx, r, p, false); r.shared {
			return nil
		}
		if r.URL, err = f.fromAny(ctx, r.Item, p); err != nil && elsewhere(err) && ctx.Err() == nil && f.fromShared(ctx, r, p, true) {
			r.shared, err = true, nil
		}
		return err
	})
	if err != nil || !filled {
		return err
	}
	r.Downloaded = true
	f.o.Events.Arrive(r.Item)
	return nil
}

// fromShared asks the shared cache, and reports whether the archive came from there. One that has failed lately is asked
// last, all others first.
func (f *fetcher) fromShared(ctx context.Context, r *Result, p *cache.Pending, last bool) bool {
	s := f.o.Shared
	if f.o.Offline || !s.usable() {
		return false
	}
	if rests := f.health.Rests(s.origin); rests != last {
		if rests {
			s.rest(f.o.Events)
		}
		return false
	}
	f.o.Events.Start(r.Item)
	from, err := s.get(ctx, r.Item, p, func(w io.Writer) io.Writer { return &progress{f: f, item: r.Item, w: w} }, f.o.Events)
	if failed := fault.KindOf(err) == fault.Network; ctx.Err() == nil && (failed || !s.puts.failed.Load()) {
		f.health.Note(s.origin, !failed) // that it serves does not undo that it hangs on what it is given
	}
	if err == nil {
		r.URL = from
	}
	return err == nil
}

// fromAny tries the addresses in order and returns the one that served, also where what it served was wrong. One that is
// busy or slow is left for the others, and gets its time when none of these has served. What came of an archive before its
// host failed, the next one need not send again.
func (f *fetcher) fromAny(ctx context.Context, item Item, p *cache.Pending) (string, error) {
	if err := p.Reset(); err != nil {
		return "", err
	}
	var failed []error
	var left []string
	addresses := f.health.Order(f.usable(item))
	for i, address := range addresses {
		from, err := f.fromOne(ctx, item, address, i == len(addresses)-1, p)
		switch {
		case err == nil || !elsewhere(err) || ctx.Err() != nil:
			return from, err
		case errors.As(err, new(*leftError)):
			left = append(left, address)
		default:
			failed = append(failed, err)
		}
	}
	for _, address := range left {
		from, err := f.fromOne(ctx, item, address, true, p)
		if err == nil || !elsewhere(err) || ctx.Err() != nil {
			return from, err
		}
		failed = append(failed, err)
	}
	return "", unavailable(item, failed)
}

// usable are the addresses that may be asked.
func (f *fetcher) usable(item Item) []string {
	if !f.o.Offline {
		return item.URLs
	}
	var local []string
	for _, address := range item.URLs {
		if isLocal(address) {
			local = append(local, address)
		}
	}
	return local
}

// elsewhere reports errors after which another address may serve: the host is at fault, not the bytes.
func elsewhere(err error) bool {
	switch fault.KindOf(err) {
	case fault.Network, fault.NotFound, fault.Auth:
		return true
	}
	return false
}

func (f *fetcher) fromFile(item Item, path string, p *cache.Pending) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.NotFound, "url-not-found", "there is no file %s", path)
	}
	if err != nil {
		return fault.New(fault.Network, "file-unreadable", "the archive of `%s` cannot be read", item).Because(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fault.New(fault.NotFound, "url-not-found", "%s is no regular file", path)
	}
	if err := p.Reset(); err != nil {
		return err
	}
	_, err = io.Copy(&progress{f: f, item: item, w: p}, struct{ io.Reader }{file})
	return err
}

// localPath returns the path of a file address, or of what is no address at all.
func localPath(address string) (string, bool) {
	if rest, ok := strings.CutPrefix(address, "file://"); ok {
		rest = strings.TrimPrefix(rest, "localhost")
		path, err := url.PathUnescape(rest)
		if err != nil || !strings.HasPrefix(path, "/") {
			return "", false
		}
		if runtime.GOOS == "windows" {
			path = strings.TrimPrefix(path, "/")
		}
		return filepath.FromSlash(path), true
	}
	scheme, _, ok := strings.Cut(address, ":")
	return address, address != "" && (!ok || len(scheme) == 1 || strings.ContainsAny(scheme, `/\`))
}

// errMissing says that an item is not in the cache and nobody may be asked for it.
var errMissing = errors.New("not in the cache")

// isLocal reports whether an address is on this machine.
func isLocal(address string) bool {
	_, _, inTar := tarfile.Split(address)
	_, ok := localPath(address)
	return ok || inTar
}

// isThere reports whether a local address has a file.
func (f *fetcher) isThere(address string) bool {
	if path, file, ok := tarfile.Split(address); ok {
		t, err := f.tars.open(path)
		return err == nil && t.Has(file)
	}
	path, _ := localPath(address)
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// offlineMiss names all items that cannot be had offline.
func (f *fetcher) offlineMiss() error {
	var names []string
	for i, r := range f.results {
		if errors.Is(f.errors[i], errMissing) {
			names = append(names, r.Item.String())
		}
	}
	are := "are"
	if len(names) == 1 {
		are = "is"
	}
	return fault.New(fault.Network, "offline-miss", "%d of %d packages %s not in the cache", len(names), len(f.results), are).
		WithFact("%s", strings.Join(names, ", ")).WithHelp("gal-pkg fetch    # once, without --offline")
}

// mismatch is the error of the whole program that must never look like a glitch.
func mismatch(item Item, from string, m *cache.MismatchError) error {
	pinned := item.Pinned
	if pinned == "" {
		pinned = "the index"
	}
	e := fault.New(fault.Integrity, "checksum-mismatch", "SECURITY: checksum of `%s` does not match %s", item, pinned).
		WithFact("expected %s  (%s)", m.Want, pinned)
	switch {
	case m.Got == "" && m.Declared == item.Size:
		e.WithFact("actual   more than the %d bytes that it has  (%s)", m.Declared, from)
	case m.Got == "":
		e.WithFact("actual   more than %d bytes, which no archive has  (%s)", m.Declared, from)
	default:
		e.WithFact("actual   %s  (%s, %d bytes)", m.Got, from, m.Size)
	}
	return e.WithFact("the archive was replaced on that host, or altered on its way; nothing of it was kept").
		WithHelp("gal-pkg install --registry URL    # from another source")
}

// unavailable sums up why no address served.
func unavailable(item Item, failed []error) error {
	switch len(failed) {
	case 0:
		return fault.New(fault.NotFound, "no-address", "nothing says where the archive of `%s` is", item)
	case 1:
		f := fault.Of(failed[0])
		return &fault.Error{Kind: f.Kind, Code: f.Code, Message: fmt.Sprintf("cannot download `%s`: %s", item, f.Message), Facts: f.Facts, Help: f.Help, Err: f.Err}
	}
	kind := fault.NotFound
	for _, err := range failed {
		if k := fault.KindOf(err); kind == fault.NotFound || k == fault.Auth {
			kind = k
		}
	}
	e := fault.New(kind, "download-failed", "cannot download `%s` from any of %d addresses", item, len(failed))
	for _, err := range failed {
		e.WithFact("%s", err.Error())
	}
	return e
}
