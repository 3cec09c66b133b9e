package download

import (
	"errors"
	"io"
	"io/fs"
	"sync"

	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/tarfile"
)

// tars are the tars that archives come out of, each opened once: to find a file in one, all its headers are read. The zero
// value has none.
type tars struct {
	mu    sync.Mutex
	known map[string]*tarfile.File
}

func (t *tars) open(path string) (*tarfile.File, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if file, ok := t.known[path]; ok {
		return file, nil
	}
	file, err := tarfile.Open(path)
	if err != nil {
		return nil, err
	}
	if t.known == nil {
		t.known = map[string]*tarfile.File{}
	}
	t.known[path] = file
	return file, nil
}

func (t *tars) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, file := range t.known {
		file.Close()
	}
	t.known = nil
}

// fromTar brings an archive out of a tar.
func (f *fetcher) fromTar(item Item, path, file string, p *cache.Pending) error {
	t, err := f.tars.open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.NotFound, "url-not-found", "there is no file %s", path)
	case fault.Of(err) != nil:
		return err
	case err != nil:
		return fault.New(fault.Network, "file-unreadable", "the archive of `%s` cannot be read", item).Because(err)
	}
	from, ok := t.Open(file)
	if !ok {
		return fault.New(fault.NotFound, "url-not-found", "there is no %s in %s", file, path)
	}
	if err := p.Reset(); err != nil {
		return err
	}
	_, err = io.Copy(&progress{f: f, item: item, w: p}, struct{ io.Reader }{from})
	return err
}
