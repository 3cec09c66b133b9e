package remote

import (
	"context"
	"strings"

	"github.com/geeknik/gal-pkg/internal/web"
)

// maxRefs bounds the answer of a git server that is asked only whether it lets us in.
const maxRefs = 16 << 20

// CheckLogin asks a registry whether the credentials for it let their owner propose anything, in the cheapest way there is:
// as git does before a push. A registry that takes no proposals over http is only opened. The error is of kind Auth where
// the credentials are refused.
func (s *Set) CheckLogin(ctx context.Context, name string) error {
	r, err := s.Open(ctx, name)
	if err != nil {
		return err
	}
	address := strings.TrimPrefix(r.Location.GitURL(r.Snapshot.Config()), "git+")
	if !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "https://") {
		return nil
	}
	_, err = r.Client.Get(ctx, address+"/info/refs?service=git-receive-pack", web.GetOptions{MaxBytes: maxRefs})
	return err
}
