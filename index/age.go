package index

import (
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// judged is the moment against which the expiry of metadata is judged: what expired no longer than MaxAge before now is
// taken, and told.
func (o Options) judged() time.Time { return o.Now.Add(-o.MaxAge) }

// explainAge says of an error about expiry what now is, and what is allowed.
func (o Options) explainAge(err error) error {
	if o.MaxAge == 0 || !fault.IsCode(err, "index-expired") && !fault.IsCode(err, "root-expired") {
		return err
	}
	f := *fault.Of(err)
	f.Facts = slices.Clone(f.Facts)
	for i, fact := range f.Facts {
		if strings.HasPrefix(fact, "now ") {
			f.Facts[i] = "now      " + formatTime(o.Now)
		}
	}
	return f.WithFact("allowed  %s after that (max_age in registries.toml)", manifest.Duration(o.MaxAge))
}
