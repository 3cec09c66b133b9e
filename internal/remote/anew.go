package remote

import (
	"context"

	"github.com/geeknik/gal-pkg/index"
)

// Anew returns a snapshot of the registry that remembers no signature as good: for whoever wants to verify what another
// run has verified already.
func (r *Registry) Anew(ctx context.Context) (*index.Snapshot, error) {
	return index.Open(ctx, r.transport, index.Options{Pin: r.ID(), Trust: r.Spec.Trust})
}
