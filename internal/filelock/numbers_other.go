//go:build !linux

package filelock

import (
	"context"
	"errors"
)

// Numbers are locks of numbers, which this system does not have.
type Numbers struct{}

// OpenNumbers is [errors.ErrUnsupported].
func OpenNumbers(string, string) (*Numbers, error) { return nil, errors.ErrUnsupported }

// Acquire is never called.
func (n *Numbers) Acquire(context.Context, uint64, func()) (release func(), err error) {
	return nil, errors.ErrUnsupported
}

// Close is never called.
func (n *Numbers) Close() {}
