package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// trickle is the body of a host that sends so many bytes a second and ends with an error, in a bubble. It gives up those who
// do not read for as long as it waits.
type trickle struct {
	ctx         context.Context
	left, speed int
	end         error
	waits       time.Duration // 0 for a host that has time
	last        time.Time
}

func (b *trickle) Read(p []byte) (int, error) {
	if b.waits > 0 && !b.last.IsZero() && time.Since(b.last) > b.waits {
		return 0, io.ErrUnexpectedEOF
	}
	n := min(len(p), b.speed, b.left)
	if n == 0 {
		return 0, b.end
	}
	select {
	case <-time.After(time.Duration(n) * time.Second / time.Duration(b.speed)):
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
	b.left, b.last = b.left-n, time.Now()
	return n, nil
}

func (b *trickle) Close() error { return nil }

// hosts answers without a network.
type hosts func(*http.Request) *trickle

func (h hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	b := h(r)
	b.ctx = r.Context()
	return &http.Response{StatusCode: http.StatusOK, ContentLength: -1, Header: http.Header{}, Body: b, Request: r}, nil
}

func ofHosts(t *testing.T, h hosts, retries int) *Client {
	t.Helper()
	c, err := New(Options{
		Retries: retries, AllowInsecure: func(string) bool { return true }, Around: func(http.RoundTripper) http.RoundTripper { return h },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Slow answers, however long, take nothing from those that come at once.
func TestSlowBodiesLeaveRoom(t *testing.T) {
	for _, size := range []int{300 << 10, 3 << 20, 24 << 20} {
		synctest.Test(t, func(t *testing.T) {
			c := ofHosts(t, func(r *http.Request) *trickle {
				if strings.HasPrefix(r.URL.Host, "slow") {
					return &trickle{left: size, speed: size / 600, end: io.EOF}
				}
				return &trickle{left: 2 << 20, speed: 4 << 20, end: io.EOF}
			}, -1)
			var gets sync.WaitGroup
			gets.Go(func() {
				if r, err := c.Get(t.Context(), "http://slow.example/", GetOptions{MaxBytes: 64 << 20}); err != nil || len(r.Body) != size {
					t.Errorf("the slow one: %v", err)
				}
			})
			for time.Sleep(580 * time.Second); c.Counts().Requests < 4; {
				began := time.Now()
				r, err := c.Get(t.Context(), "http://fast.example/", GetOptions{MaxBytes: 64 << 20})
				if err != nil || len(r.Body) != 2<<20 || time.Since(began) > time.Second {
					t.Errorf("beside %d slow bytes: %v after %v", size, err, time.Since(began))
				}
			}
			gets.Wait()
		})
	}
}

// Many long answers wait for each other and all come, also from hosts that give up those who wait, and then everything is
// there again for the next ones.
func TestLongBodiesShareTheRoom(t *testing.T) {
	for _, size := range []int{1 << 20, 3 << 20, 9 << 20} {
		synctest.Test(t, func(t *testing.T) {
			c := ofHosts(t, func(*http.Request) *trickle {
				return &trickle{left: size, speed: 1 << 18, end: io.EOF, waits: 2 * time.Second}
			}, 1)
			var gets sync.WaitGroup
			for range 40 {
				gets.Go(func() {
					if r, err := c.Get(t.Context(), "http://host.example/", GetOptions{MaxBytes: 64 << 20}); err != nil || len(r.Body) != size {
						t.Errorf("of %d bytes: %v", size, err)
					}
				})
			}
			gets.Wait()
			if len(c.room.buffers) != chunks || len(c.room.more) != 1 || len(<-c.room.more) > size/maxChunk {
				t.Errorf("%d buffers are there again", len(c.room.buffers))
			}
		})
	}
}

// Who waits for room can be told to stop, and takes nothing away.
func TestWaitingForRoomEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := ofHosts(t, func(*http.Request) *trickle {
			return &trickle{left: 3 << 20, speed: 1 << 20, end: errors.New("broken")}
		}, -1)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		var gets sync.WaitGroup
		for range 2 * chunks {
			gets.Go(func() {
				if _, err := c.Get(ctx, "http://host.example/", GetOptions{MaxBytes: 64 << 20}); err == nil {
					t.Error("it came")
				}
			})
		}
		gets.Wait()
		if len(c.room.buffers) != chunks || len(c.room.more) != 1 {
			t.Errorf("%d buffers are there again", len(c.room.buffers))
		}
	})
}

// However long bytes came before a connection was cut, the request is made again.
func TestTimeInWhichBytesComeIsNoSilence(t *testing.T) {
	for _, seconds := range []int{25, 35, 600} {
		for _, kind := range []string{"get", "stream"} {
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int64
				c := ofHosts(t, func(*http.Request) *trickle {
					if asked.Add(1) <= 2 {
						return &trickle{left: seconds * 1000, speed: 1000, end: io.ErrUnexpectedEOF}
					}
					return &trickle{left: 4, speed: 4, end: io.EOF}
				}, 2)
				var err error
				if kind == "get" {
					_, err = c.Get(t.Context(), "http://host.example/", GetOptions{})
				} else {
					err = c.Stream(t.Context(), "http://host.example/", StreamOptions{MaxBytes: 1 << 20}, func(b Body) error {
						_, err := io.Copy(io.Discard, b)
						return err
					})
				}
				if err != nil || asked.Load() != 3 {
					t.Errorf("%s, cut after %d s: asked %d times: %v", kind, seconds, asked.Load(), err)
				}
			})
		}
	}
}
