package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// refused turns an answer into an error, transient where another try may end better.
func (c *Client) refused(target string, resp *http.Response) error {
	err := c.statusError(target, resp)
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode >= 500:
		return &transient{err: err, at: address(resp), status: resp.StatusCode, wait: retryAfter(resp.Header.Get("Retry-After"), c.o.Now())}
	}
	return err
}

// retryAfter reads seconds or a date; what it cannot read is no wish.
func retryAfter(value string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), MaxWait)
}

// transient marks an error that another try may not meet.
type transient struct {
	err      error
	at       string        // the address that it was met at
	status   int           // of the answer, 0 where there was none
	wait     time.Duration // what the host asked for
	came     time.Duration // for how long bytes of a body came
	progress bool          // the attempt brought enough for the next one to count as the first
}

func (t *transient) Error() string { return t.err.Error() }
func (t *transient) Unwrap() error { return t.err }

// Pause is the time between two attempts.
type Pause struct {
	Host   string
	Reason string // why the last attempt failed, in a few words
	Status int    // of its answer, 0 where there was none; 429 and 503 ask for fewer requests
	For    time.Duration
	Asked  bool // the host has asked for a pause
}

// policy is how often and how patiently something is tried.
type policy struct {
	retries int
	pausing func(Pause) bool
}

func (c *Client) policy() policy { return policy{retries: c.o.Retries} }

// repeat runs attempt until it succeeds, fails for good, has failed too often, or would go on for too long.
func (c *Client) repeat(ctx context.Context, target string, p policy, attempt func() error) error {
	pauses := &backoff.ExponentialBackOff{InitialInterval: 200 * time.Millisecond, Multiplier: 2.5, MaxInterval: 5 * time.Second}
	pauses.Reset()
	began, asked := c.o.Now(), time.Duration(0)
	for left := p.retries; ; left-- {
		err := attempt()
		var again *transient
		if err == nil || !errors.As(err, &again) {
			return err
		}
		began = began.Add(again.came)
		if again.progress {
			pauses.Reset()
			left, began, asked = max(p.retries, 0), c.o.Now(), 0
		}
		// Half of each pause is chance, so that many who failed together do not come back together.
		pause := pauses.NextBackOff()
		pause = pause/2 + time.Duration(c.o.Jitter()*float64(pause))
		if again.wait > pause {
			asked += again.wait - pause
			pause = again.wait
		}
		passed := c.o.Now().Add(pause).Sub(began)
		if left <= 0 || ctx.Err() != nil || passed > c.o.Patience || passed-asked > c.o.Silence {
			return connectionError(ctx, target, again.at, again.err)
		}
		told := Pause{Host: host(again.at), Reason: brief(again), Status: again.status, For: pause, Asked: again.wait > 0}
		if p.pausing != nil && !p.pausing(told) {
			return connectionError(ctx, target, again.at, again.err)
		}
		if err := c.o.Sleep(ctx, pause); err != nil {
			return connectionError(ctx, target, again.at, err)
		}
		c.retries.Add(1)
	}
}

// brief says in a few words why an attempt failed.
func brief(t *transient) string {
	if t.status != 0 {
		return "it answers " + strconv.Itoa(t.status)
	}
	if f := fault.Of(t.err); f != nil {
		return f.Message
	}
	return Cause(t.err)
}
