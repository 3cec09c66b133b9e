package doctor

import (
	"context"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/internal/settings"
	"github.com/geeknik/gal-pkg/internal/web"
)

// soon is how long before its end metadata is worth a word: a registry signs anew every day.
const soon = 12 * time.Hour

// Registry looks at one configured registry: whether it opens, what its host is able to do, and what is trusted of it. With
// an offline set the host is not asked. Now is the clock.
func (r *Report) Registry(ctx context.Context, user *settings.User, set *remote.Set, configured settings.Registry, now func() time.Time) {
	a := r.area("registry " + configured.Name)
	a.policy(configured)
	if !a.credentials(user, configured.Name) {
		return // nothing is asked of a registry whose credentials cannot be read
	}
	start := now()
	opened, err := set.Open(ctx, configured.Name)
	if fault.IsCode(err, "offline-miss") {
		a.warn("gal-pkg doctor                # with a network", "was not seen yet, so that nothing of it can be used offline")
		return
	}
	if err != nil {
		a.failed(err, "gal-pkg registry list --check")
		return
	}
	a.ok("%s at %s opens in %d ms, read as %s", opened.ID(), web.Redact(configured.URL), now().Sub(start).Milliseconds(), opened.Transport())
	r.opened = append(r.opened, opened)
	a.trust(configured, opened, now())
	if set.Offline() {
		return
	}
	p := prober{a, opened.Client, now}
	address := strings.TrimPrefix(opened.Location.URL, "git+")
	switch {
	case opened.Location.Kind == remote.KindStatic:
		p.static(ctx, opened.Location.URL+"/"+index.ConfigPath)
	case strings.HasPrefix(address, "http://"), strings.HasPrefix(address, "https://"):
		p.git(ctx, address)
	}
}

// policy is what the configuration itself gives away.
func (a area) policy(r settings.Registry) {
	switch r.VerifySignatures {
	case settings.VerifyNot:
		a.warn("verify_signatures = true      # in registries.toml", "signatures are not checked (verify_signatures = false)")
	case settings.VerifyWarn:
		a.warn("verify_signatures = true      # in registries.toml", `packages whose signatures do not verify are used all the same (verify_signatures = "warn")`)
	}
	if r.AllowInsecure {
		a.warn("use https", "plain http is allowed: what comes can be read and altered on its way")
	}
}

// credentials reports whether they can be read where there are any.
func (a area) credentials(user *settings.User, name string) bool {
	found, ok, err := user.Credentials.For(name)
	switch {
	case err != nil:
		a.failed(err, "gal-pkg login --registry "+name)
	case ok:
		a.ok("credentials are in %s", found.Source)
	default:
		a.ok("has no credentials here, and may not need any")
	}
	return err == nil
}

// trust says which root of trust is followed and how old what the registry says may be.
func (a area) trust(configured settings.Registry, r *remote.Registry, now time.Time) {
	if err := r.CheckKept(); err != nil {
		a.failed(err, "gal-pkg registry reset "+configured.Name)
	}
	current, ok := r.Snapshot.Currency()
	switch {
	case !ok && r.Spec.Trust.Signatures != index.SignaturesOff:
		a.warn("gal-registry build DIR        # where the registry is run", "has no signed metadata: whether it is current cannot be told")
		return
	case !ok:
		return
	}
	pinned := "as it was first seen"
	if configured.Root != "" {
		pinned = "pinned in registries.toml"
	}
	a.ok("its root of trust is %s (version %d), %s", current.Root, current.Version, pinned)
	left := current.Expires.Sub(now)
	text := "its metadata is good until " + current.Expires.UTC().Format(time.RFC3339)
	switch {
	case left < 0:
		a.warn("gal-pkg update -n             # with a network", "its metadata ran out %s ago: later releases and yanks are not known here", span(-left))
	case left < soon:
		a.warn("gal-registry refresh DIR      # where the registry is run", "%s, which is soon", text)
	default:
		a.ok("%s, in %s", text, span(left))
	}
	a.ok("its log has no witnesses beside gal-pkg itself, which remembers what it has seen")
}

// span writes a length of time roughly.
func span(d time.Duration) string {
	if d >= 48*time.Hour {
		return cmdline.Plural(int(d.Hours()/24), "day")
	}
	return cmdline.Plural(int(d.Hours()), "hour")
}
