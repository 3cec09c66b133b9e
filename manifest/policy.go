package manifest

import (
	"strings"
	"time"
)

// Security is the table [security]; it is obeyed in the root project alone. nil is "not said".
type Security struct {
	RequireSignatures *bool          `json:"require_signatures,omitempty"`
	MaxRiskLevel      string         `json:"max_risk_level,omitempty"` // one of RiskLevels, "" where not said
	VulnerabilityScan *bool          `json:"vulnerability_scan,omitempty"`
	DependencyAudit   *bool          `json:"dependency_audit,omitempty"`
	AllowedLicenses   []string       `json:"allowed_licenses,omitempty"` // as written; empty, and not nil, allows none
	MinReleaseAge     time.Duration  `json:"min_release_age,omitempty"`  // in nanoseconds
	Ignore            []IgnoredEntry `json:"ignore,omitempty"`
}

// IgnoredEntry is one [[security.ignore]]: an advisory that the project accepts.
type IgnoredEntry struct {
	ID      string    `json:"id"`
	Package string    `json:"package,omitempty"` // "" for every package
	Reason  string    `json:"reason"`
	Until   time.Time `json:"until,omitzero"` // UTC; the entry holds before this moment
}

// RiskLevels returns the levels of risk, the least first.
func RiskLevels() []string { return []string{"none", "low", "medium", "high", "critical"} }

func (r *reader) security(e *entry) Security {
	var s Security
	n := r.table(e)
	if n == nil {
		return s
	}
	f := r.fields(n, "[security]", "require_signatures", "max_risk_level", "vulnerability_scan", "dependency_audit",
		"allowed_licenses", "min_release_age", "ignore")
	s.RequireSignatures = r.flag(f["require_signatures"])
	s.VulnerabilityScan = r.flag(f["vulnerability_scan"])
	s.DependencyAudit = r.flag(f["dependency_audit"])
	s.AllowedLicenses, _ = r.texts(f["allowed_licenses"])
	s.MaxRiskLevel = r.riskLevel(f["max_risk_level"])
	if e := f["min_release_age"]; r.is(e, stringKind) {
		age, err := ParseSpan(e.node.value.(string))
		if err != nil {
			r.fail("bad-duration", e.node.at, "%v", err)
		}
		s.MinReleaseAge = age
	}
	if e := f["ignore"]; r.is(e, arrayKind) {
		for _, n := range e.node.list {
			s.Ignore = append(s.Ignore, r.ignored(n))
		}
	}
	return s
}

// riskLevel reads a level in any case.
func (r *reader) riskLevel(e *entry) string {
	if !r.is(e, stringKind) {
		return ""
	}
	lower := *e.node
	lower.value = strings.ToLower(e.node.value.(string))
	return r.choice(&entry{name: e.name, key: e.key, node: &lower}, RiskLevels()...)
}

func (r *reader) ignored(n *node) IgnoredEntry {
	var i IgnoredEntry
	if n.kind != tableKind {
		r.fail("wrong-type", n.at, "ignore must be tables, as in [[security.ignore]]")
		return i
	}
	f := r.fields(n, "[[security.ignore]]", "id", "package", "reason", "until")
	for _, key := range []string{"id", "reason"} {
		if f[key] == nil {
			r.fail("missing-key", n.at, "[[security.ignore]] has no %s", key)
		}
	}
	i.ID, i.Reason = r.text(f["id"]), r.text(f["reason"])
	if i.Package = r.text(f["package"]); i.Package != "" {
		r.name("bad-name", i.Package, f["package"].node.at)
	}
	if until := f["until"]; until != nil {
		var ok bool
		if i.Until, ok = r.instant(until); !ok {
			r.fail("bad-time", until.node.at, "until must be a date, as in 2026-12-31")
		}
	}
	return i
}

// Values of Resolver.Duplicates.
const (
	DuplicatesAllow = "allow"
	DuplicatesWarn  = "warn"
	DuplicatesDeny  = "deny"
)

// Values of Resolver.IncompatibleGalVersions.
const (
	GalVersionsFallback = "fallback"
	GalVersionsAllow    = "allow"
	GalVersionsDeny     = "deny"
)

// Resolver is the table [resolver]; it is obeyed in the root project alone.
type Resolver struct {
	Duplicates              string `json:"duplicates"`                // DuplicatesAllow unless said
	IncompatibleGalVersions string `json:"incompatible-gal-versions"` // GalVersionsFallback unless said
	ExcludeNewer            Cutoff `json:"exclude-newer,omitzero"`
	// Cutoffs of single packages and registries, before ExcludeNewer; a zero one (written as false) hides nothing.
	ExcludeNewerPackage  map[string]Cutoff `json:"exclude-newer-package,omitempty"`
	ExcludeNewerRegistry map[string]Cutoff `json:"exclude-newer-registry,omitempty"`
}

func (r *reader) resolver(e *entry) Resolver {
	s := Resolver{Duplicates: DuplicatesAllow, IncompatibleGalVersions: GalVersionsFallback}
	n := r.table(e)
	if n == nil {
		return s
	}
	f := r.fields(n, "[resolver]", "duplicates", "incompatible-gal-versions", "exclude-newer", "exclude-newer-package", "exclude-newer-registry")
	if v := r.choice(f["duplicates"], DuplicatesAllow, DuplicatesWarn, DuplicatesDeny); v != "" {
		s.Duplicates = v
	}
	if v := r.choice(f["incompatible-gal-versions"], GalVersionsFallback, GalVersionsAllow, GalVersionsDeny); v != "" {
		s.IncompatibleGalVersions = v
	}
	s.ExcludeNewer = r.cutoff(f["exclude-newer"])
	s.ExcludeNewerPackage = r.cutoffs(f["exclude-newer-package"], func(d *entry) { r.name("bad-name", d.name, d.key) })
	s.ExcludeNewerRegistry = r.cutoffs(f["exclude-newer-registry"], func(d *entry) {
		if !goodRegistry(d.name) {
			r.fail("bad-registry", d.key, "%s is not the name of a registry", quote(d.name))
		}
	})
	return s
}

// cutoffs reads a table of cutoffs whose keys check judges.
func (r *reader) cutoffs(e *entry, check func(*entry)) map[string]Cutoff {
	n := r.table(e)
	if n == nil {
		return nil
	}
	cutoffs := map[string]Cutoff{}
	for _, d := range n.entries {
		check(d)
		if d.node.value == false {
			cutoffs[d.name] = Cutoff{}
			continue
		}
		cutoffs[d.name] = r.cutoff(d)
	}
	return cutoffs
}
