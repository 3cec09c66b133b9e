package gitrepo

import (
	"bytes"
	"context"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/storage/memory"
)

// putPack writes objects as one pack.
func (r *Repo) putPack(objects []object) error {
	var buf bytes.Buffer
	if err := encodePack(&buf, objects); err != nil {
		return err
	}
	own := PackLimits{MaxBytes: 1 << 40, MaxObject: 1 << 40, MaxInflated: 1 << 40, MaxObjects: 1 << 31}
	_, err := r.AddPack(context.Background(), &buf, own)
	return err
}

// WritePack writes objects, which must all be in the repository, as one pack without deltas. It holds them in memory, so
// it is meant for the few that a push adds; each may have maxObject bytes.
func (r *Repo) WritePack(w io.Writer, hashes []Hash, maxObject int64) error {
	objects := make([]object, 0, len(hashes))
	for _, h := range hashes {
		kind, data, err := r.read(h, maxObject)
		if err != nil {
			return err
		}
		objects = append(objects, object{kind, h, data})
	}
	return encodePack(w, objects)
}

func encodePack(w io.Writer, objects []object) error {
	store := memory.NewStorage()
	hashes := make([]Hash, 0, len(objects))
	for _, o := range objects {
		obj := new(plumbing.MemoryObject)
		obj.SetType(o.kind)
		if _, err := obj.Write(o.data); err != nil {
			return err
		}
		if _, err := store.SetEncodedObject(obj); err != nil {
			return err
		}
		hashes = append(hashes, o.hash)
	}
	_, err := packfile.NewEncoder(w, store, false).Encode(unique(hashes), 0)
	return err
}
