package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// refused turns an answer into an error, transient where another try may end better.
func (c *Client) refused(target string, resp *http.Response) error {
	err := statusError(target, resp.StatusCode)
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode >= 500:
		return &transient{err: err, wait: retryAfter(resp.Header.Get("Retry-After"), c.o.Now())}
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
	err  error
	wait time.Duration // what the host asked for
}

func (t *transient) Error() string { return t.err.Error() }
func (t *transient) Unwrap() error { return t.err }

// repeat runs attempt until it succeeds, fails for good, or has failed too often.
func (c *Client) repeat(ctx context.Context, target string, attempt func() error) error {
	pauses := &backoff.ExponentialBackOff{InitialInterval: 200 * time.Millisecond, Multiplier: 2.5, MaxInterval: 5 * time.Second}
	pauses.Reset()
	for left := c.o.Retries; ; left-- {
		err := attempt()
		var again *transient
		if err == nil || !errors.As(err, &again) {
			return err
		}
		if left <= 0 || ctx.Err() != nil {
			return connectionError(ctx, target, again.err)
		}
		// Half of each pause is chance, so that many who failed together do not come back together.
		pause := pauses.NextBackOff()
		pause = pause/2 + time.Duration(c.o.Jitter()*float64(pause))
		if err := c.o.Sleep(ctx, max(pause, again.wait)); err != nil {
			return connectionError(ctx, target, err)
		}
		c.retries.Add(1)
	}
}
