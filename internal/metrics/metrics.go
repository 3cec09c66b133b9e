// Package metrics keeps counters across the runs of a program, in one small file on the user's machine. Nothing is ever
// sent anywhere.
//
// # The file
//
//	{"v":1,"since":"2026-01-02T03:04:05Z","runs":1,"registry_requests":4,"retries":0,"bytes_received":20480,...}
//
// One JSON object a line, one line a run, each with what that run has counted: what is asked for is their sum. A run appends
// its line; once the file is longer than [maxFile], the next run writes the sum in its place, by rename. Both are done under
// a lock of the kernel on the file's name and ".lock", so that no run is lost beside another. A number is from 0 to 2^53-1;
// sums stop there.
//
// A file that is not like that is begun anew: counters are worth no error. One of a later format is left alone.
package metrics

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/filelock"
)

// Limits of a file.
const (
	maxFile  = 16 << 10
	maxCount = 1<<53 - 1
	maxWait  = time.Second // for the lock: a run does not take longer because another one stands still
)

// Counts are what is counted.
type Counts struct {
	Runs             int64 `json:"runs"`              // that counted anything
	RegistryRequests int64 `json:"registry_requests"` // sent, retries included
	Retries          int64 `json:"retries"`
	BytesReceived    int64 `json:"bytes_received"`   // of all answers
	CacheHits        int64 `json:"cache_hits"`       // packages that were in the cache
	CacheMisses      int64 `json:"cache_misses"`     // packages that had to be downloaded
	BytesDownloaded  int64 `json:"bytes_downloaded"` // of archives
	Healed           int64 `json:"healed"`           // damaged things in the cache that were found
}

// fields are all counters, in the order of the struct.
func (c *Counts) fields() []*int64 {
	return []*int64{&c.Runs, &c.RegistryRequests, &c.Retries, &c.BytesReceived, &c.CacheHits, &c.CacheMisses, &c.BytesDownloaded, &c.Healed}
}

// IsZero reports whether nothing was counted.
func (c Counts) IsZero() bool { return c == Counts{} }

// HitRate is the share of packages that were in the cache, from 0 to 1; 0 where none was asked for.
func (c Counts) HitRate() float64 {
	if c.CacheHits+c.CacheMisses == 0 {
		return 0
	}
	return float64(c.CacheHits) / float64(c.CacheHits+c.CacheMisses)
}

// plus adds without ever passing the greatest number.
func (c Counts) plus(d Counts) Counts {
	more := d.fields()
	for i, field := range c.fields() {
		*field = min(*field+*more[i], maxCount)
	}
	return c
}

// Totals are the sum of many runs.
type Totals struct {
	Since time.Time // when counting began; the zero time where nothing was counted yet
	Counts
}

// Load reads the sum of a file; one that is not there, or not a file of ours, has counted nothing.
func Load(path string) Totals {
	data, err := atomicfile.Read(path, 2*maxFile)
	if err != nil {
		return Totals{}
	}
	t, err := parse(data)
	if err != nil {
		return Totals{}
	}
	return t
}

// Add counts a run. The folder is made where it is missing.
func Add(ctx context.Context, path string, c Counts, now time.Time) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	held, err := lock(ctx, path+".lock")
	if err != nil {
		return err
	}
	defer held.Release()
	c.Runs = 1
	data, err := atomicfile.Read(path, 2*maxFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		data = nil // too long, or no file: what cannot be read is begun anew, or fails below
	}
	before, err := parse(data)
	switch {
	case errors.Is(err, errLater):
		return nil
	case err == nil && len(data) > 0 && len(data) < maxFile:
		return appendLine(path, format(Totals{now, c}))
	case err != nil || before.Since.IsZero():
		before = Totals{Since: now}
	}
	return atomicfile.WriteCache(path, format(Totals{before.Since, before.plus(c)}))
}

// Reset begins anew.
func Reset(ctx context.Context, path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	held, err := lock(ctx, path+".lock")
	if err != nil {
		return err
	}
	defer held.Release()
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// lock takes the file's lock. Of the errors of opening it, only those count after which nothing can be written either; after
// others it does without.
func lock(ctx context.Context, path string) (*filelock.Lock, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxWait)
	defer cancel()
	held, err := filelock.Acquire(ctx, path, filelock.Options{})
	if ctx.Err() == nil && !errors.Is(err, fs.ErrPermission) {
		err = nil
	}
	return held, err
}

func appendLine(path string, line []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(line)
	return errors.Join(err, f.Close())
}

// record is a line.
type record struct {
	V     int    `json:"v"`
	Since string `json:"since"`
	Counts
}

func format(t Totals) []byte {
	line, err := json.Marshal(record{1, t.Since.UTC().Format(time.RFC3339), t.Counts})
	if err != nil {
		panic(err) // numbers and a string
	}
	return append(line, '\n')
}

var (
	errBroken = errors.New("not a file of counters")
	errLater  = errors.New("a file of a later program")
)

// parse adds up the lines of a file.
func parse(data []byte) (sum Totals, err error) {
	if len(data) > 0 && data[len(data)-1] != '\n' {
		return Totals{}, errBroken
	}
	for line := range bytes.Lines(data) {
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			return Totals{}, errBroken
		}
		if r.V > 1 {
			return Totals{}, errLater
		}
		at, err := time.Parse(time.RFC3339, r.Since)
		if err != nil || r.V != 1 || !r.sound() {
			return Totals{}, errBroken
		}
		if sum.Since.IsZero() {
			sum.Since = at
		}
		sum.Counts = sum.plus(r.Counts)
	}
	return sum, nil
}

func (c Counts) sound() bool {
	for _, field := range c.fields() {
		if *field < 0 || *field > maxCount {
			return false
		}
	}
	return true
}
