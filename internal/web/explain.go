package web

import (
	"context"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Explain turns an error of [Client.HTTP] into one of this package: in one line, without the address's secrets.
func Explain(ctx context.Context, target string, err error) *fault.Error {
	return connectionError(ctx, target, failedAt(target, err), err)
}
