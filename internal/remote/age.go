package remote

import (
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// tellAge tells what there is to know of a registry as a whole. That a host's metadata has expired, and is taken because
// registries.toml allows it, is a warning at every command: nobody else would notice if the host stopped moving for good.
func (s *Set) tellAge(r *Registry) {
	tell, allowed := s.o.Notice, ""
	if r.Snapshot.IsExpired() && r.Spec.MaxAge > 0 && !r.isCopy() && !s.o.Offline {
		tell, allowed = s.o.Warning, " (max_age = \""+manifest.Duration(r.Spec.MaxAge).String()+"\")"
	}
	for _, notice := range r.Snapshot.Notices() {
		tell("%s%s", notice, allowed)
	}
}

// isCopy reports whether the registry is read from this machine's own disk.
func (r *Registry) isCopy() bool { return r.Location.Kind == KindDir || r.Location.Kind == KindTar }

// explainAge says, where a mirror is all that is asked and it is out of date, what allows that.
func explainAge(spec Spec, err error) error {
	if !spec.BlockOrigin || spec.MaxAge > 0 || !fault.IsCode(err, "index-expired") {
		return err
	}
	f := *fault.Of(err)
	return f.WithHelp(`max_age = "30 days"      # of the registry in registries.toml: to take a mirror that old, with a warning`)
}
