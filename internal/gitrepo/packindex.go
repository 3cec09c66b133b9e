package gitrepo

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// errDouble is matched where a pack has an object twice: its index would hold it once, and git takes the two for parts of
// different packs.
var errDouble = errors.New("an object is in the pack twice")

// madeBytes is how many bytes of bases are kept, so that deltas against them need not make them anew. Together with one
// object, its base and one delta it is what indexing takes, however many deltas stand on each other.
const madeBytes = 64 << 20

// indexer hashes every object of a pack, in two passes: what is whole as it comes, and then the deltas, each behind its
// base. So a delta is made of a base that was made a moment before, mostly, and else of the nearest one that is kept.
type indexer struct {
	ctx     context.Context // small packs can take minutes
	pack    *pack
	objects []indexed // in the order of the pack
	waiting map[Hash][]int32
	made    *cache.BufferLRU
}

// indexed is an object of a pack; nobody is -1.
type indexed struct {
	at    int64
	crc   uint32
	kind  plumbing.ObjectType // of a delta, that of its base, once there is one
	hash  Hash
	base  int32 // what it is made against; nobody for what is whole
	child int32 // the last of those made against it
	next  int32 // another that is made against the same base
	depth int32 // how many deltas it takes
}

const nobody = -1

// indexPack returns the objects of a pack, which was screened. Objects that are there twice are an error, and so are
// deltas against what is not there.
func indexPack(ctx context.Context, f *os.File) ([]indexed, error) {
	x := &indexer{ctx: ctx, pack: &pack{data: f, source: bufio.NewReaderSize(nil, 4<<10)}, waiting: map[Hash][]int32{}, made: cache.NewBufferLRU(madeBytes)}
	if err := x.scan(f); err != nil {
		return nil, err
	}
	for i := range x.objects {
		if !x.objects[i].kind.IsDelta() && x.objects[i].base == nobody {
			if err := x.descend(int32(i)); err != nil {
				return nil, err
			}
		}
	}
	if slices.ContainsFunc(x.objects, func(o indexed) bool { return o.kind.IsDelta() }) {
		return nil, packfile.ErrReferenceDeltaNotFound
	}
	return x.objects, nil
}

// scan goes over the pack, and finds of which objects the deltas are made that say where those are.
func (x *indexer) scan(f *os.File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sc := packfile.NewScanner(f)
	_, count, err := sc.Header()
	if err != nil {
		return err
	}
	for range count {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		header, err := sc.NextObjectHeader()
		if err != nil {
			return err
		}
		o := indexed{at: header.Offset, kind: header.Type, base: nobody, child: nobody, next: nobody}
		i := int32(len(x.objects))
		switch o.kind {
		case plumbing.OFSDeltaObject:
			base, ok := slices.BinarySearchFunc(x.objects, header.OffsetReference, func(o indexed, at int64) int { return cmp.Compare(o.at, at) })
			if !ok {
				return packfile.ErrReferenceDeltaNotFound
			}
			o.base, o.next, x.objects[base].child = int32(base), x.objects[base].child, i
		case plumbing.REFDeltaObject:
			x.waiting[header.Reference] = append(x.waiting[header.Reference], i)
		}
		sum := plumbing.NewHasher(o.kind, header.Length)
		if _, o.crc, err = sc.NextObject(sum); err != nil {
			return err
		}
		if !o.kind.IsDelta() {
			o.hash = sum.Sum()
		}
		x.objects = append(x.objects, o)
	}
	return nil
}

// descend makes and hashes all deltas that stand on a whole object.
func (x *indexer) descend(root int32) error {
	for stack := []int32{root}; len(stack) > 0; {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		o := &x.objects[i]
		if o.base != nobody {
			if err := x.name(i); err != nil {
				return err
			}
		}
		for _, child := range x.waiting[o.hash] {
			c := &x.objects[child]
			c.base, c.next, o.child = i, o.child, child
		}
		delete(x.waiting, o.hash) // of what is there twice, the first will do
		for child := o.child; child != nobody; child = x.objects[child].next {
			stack = append(stack, child)
		}
	}
	return nil
}

// name makes an object of its base and its delta, for its hash.
func (x *indexer) name(i int32) error {
	o := &x.objects[i]
	base := &x.objects[o.base]
	if o.depth = base.depth + 1; o.depth > maxDelta {
		return fmt.Errorf("more than %d deltas on each other: %w", maxDelta, packfile.ErrInvalidDelta)
	}
	data, err := x.content(o.base)
	if err == nil {
		data, err = x.patch(data, o)
	}
	if err != nil {
		return err
	}
	o.kind, o.hash = base.kind, plumbing.ComputeHash(base.kind, data)
	if o.child != nobody || len(x.waiting[o.hash]) > 0 {
		x.made.Put(o.at, data)
	}
	return nil
}

// content returns a base, made of the nearest one that is kept.
func (x *indexer) content(i int32) ([]byte, error) {
	var above []*indexed // from what is wanted down
	o := &x.objects[i]
	data, kept := x.made.Get(o.at)
	for ; !kept && o.base != nobody; data, kept = x.made.Get(o.at) {
		above = append(above, o)
		o = &x.objects[o.base]
	}
	if !kept {
		head, err := x.pack.header(o.at)
		if err == nil {
			data, err = x.pack.inflate(head)
		}
		if err != nil {
			return nil, err
		}
		x.made.Put(o.at, data)
	}
	for _, o := range slices.Backward(above) {
		var err error
		if data, err = x.patch(data, o); err != nil {
			return nil, err
		}
		x.made.Put(o.at, data)
	}
	return data, nil
}

func (x *indexer) patch(base []byte, o *indexed) ([]byte, error) {
	if err := x.ctx.Err(); err != nil {
		return nil, err
	}
	head, err := x.pack.header(o.at)
	if err != nil {
		return nil, err
	}
	delta, err := x.pack.inflate(head)
	if err != nil {
		return nil, err
	}
	return packfile.PatchDelta(base, delta)
}

// indexFile returns the index of a pack with a checksum, as a file of the second version.
func indexFile(objects []indexed, pack Hash) ([]byte, error) {
	index := new(idxfile.Writer)
	if err := index.OnHeader(uint32(len(objects))); err != nil {
		return nil, err
	}
	for _, o := range objects {
		index.Add(o.hash, uint64(o.at), o.crc)
	}
	if err := index.OnFooter(pack); err != nil {
		return nil, err
	}
	table, err := index.Index()
	if err != nil {
		return nil, err
	}
	if n, err := table.Count(); err != nil || n != int64(len(objects)) {
		return nil, errors.Join(errDouble, err)
	}
	var buf bytes.Buffer
	_, err = idxfile.NewEncoder(&buf).Encode(table)
	return buf.Bytes(), err
}

// count adds the objects of a pack that begin before an offset, by type.
func (i *PackInfo) count(objects []indexed, end int64) {
	for _, o := range objects {
		switch {
		case o.at >= end:
		case o.kind == plumbing.CommitObject:
			i.Commits++
		case o.kind == plumbing.TreeObject:
			i.Trees++
		case o.kind == plumbing.BlobObject:
			i.Blobs++
		default:
			i.Other++
		}
	}
}
