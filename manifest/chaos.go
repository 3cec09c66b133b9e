package manifest

import (
	"math"
	"slices"
	"strings"
	"unicode"
)

// ChaosProfile says which faults a build injects. What is not written is off; a rate that is absent is 0.
type ChaosProfile struct {
	FaultInjectionRate          float64      `json:"fault_injection_rate"`
	AllowedFaults               []string     `json:"allowed_faults,omitempty"` // in snake case; "all" stands alone
	MaxFaultDuration            Duration     `json:"max_fault_duration,omitzero"`
	NetworkPartitionProbability float64      `json:"network_partition_probability"`
	MessageDropRate             float64      `json:"message_drop_rate"`
	ActorCrashRate              float64      `json:"actor_crash_rate,omitempty"`
	MaxConcurrentFaults         *int64       `json:"max_concurrent_faults,omitempty"` // nil: no bound
	ChaosSeed                   *int64       `json:"chaos_seed,omitempty"`            // nil: every run differs
	FaultSchedule               []FaultEvent `json:"fault_schedule,omitempty"`        // in the order of the file
}

// Allows reports whether a profile lets a fault happen. Without allowed_faults there is no restriction.
func (p ChaosProfile) Allows(fault string) bool {
	if len(p.AllowedFaults) == 0 || slices.Contains(p.AllowedFaults, "all") {
		return true
	}
	return slices.ContainsFunc(p.AllowedFaults, func(a string) bool { return FaultName(a) == FaultName(fault) })
}

// Faults returns the names of the faults that the language and its libraries know, sorted. Programs may define more.
func Faults() []string {
	return []string{"actor_crash", "actor_memory", "actor_restart", "actor_slow", "byzantine_behavior", "compiler_backdoor",
		"connection_loss", "connection_timeout", "cpu_fault", "database_timeout", "delay", "dependency_confusion", "disk_fault",
		"hardware_failure", "high_cpu", "high_latency", "latency_spike", "malicious_update", "memory_exhaustion",
		"memory_pressure", "message_corruption", "message_delay", "message_drop", "message_drops", "message_duplicate",
		"message_loss", "message_reordering", "network_delay", "network_partition", "node_failure", "packet_loss",
		"query_error", "resource_exhaustion", "service_unavailable", "thread_starvation"}
}

// FaultName maps the synonyms of a fault to one name. Any other name is its own.
func FaultName(name string) string {
	switch name {
	case "message_loss", "message_drops":
		return "message_drop"
	case "high_latency":
		return "latency_spike"
	case "memory_exhaustion":
		return "memory_pressure"
	}
	return name
}

// snake writes a name in snake case: MessageDrop and message-drop are message_drop.
func snake(name string) string {
	var b strings.Builder
	lower := false
	for _, c := range name {
		if unicode.IsUpper(c) && lower {
			b.WriteByte('_')
		}
		lower = unicode.IsLower(c) || unicode.IsDigit(c)
		if c == '-' {
			c = '_'
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// fault reads the name of a fault. One that is not known is a warning, because programs may define their own.
func (r *reader) fault(name string, at span) string {
	s := snake(name)
	if s != "all" && !slices.Contains(Faults(), s) && len(r.warnings) < maxProblems {
		r.warn("unknown-fault", at, "%s is not a known fault%s", quote(name), didYouMean(s, append(Faults(), "all")))
	}
	return s
}

// chaos reads the chaos profiles, in the specification's spelling and in the older one.
func (r *reader) chaos(m *Manifest, canonical, older *entry) {
	r.chaotic = true
	defer func() { r.chaotic = false }()
	m.ChaosProfiles = map[string]ChaosProfile{}
	if n := r.table(canonical); n != nil {
		for _, e := range n.entries {
			r.chaosProfile(m, e, "[chaos-profile."+e.name+"]")
		}
	}
	n := r.table(older)
	if n == nil {
		return
	}
	f := r.fields(n, "[chaos]", "default_profile", "profiles")
	if n := r.table(f["profiles"]); n != nil {
		for _, e := range n.entries {
			r.chaosProfile(m, e, "[chaos.profiles."+e.name+"]")
			r.rewriteProfile(e)
		}
	}
	r.defaultChaos(m, f["default_profile"])
}

// defaultChaos reads [chaos] default_profile, which the specification has no key for.
func (r *reader) defaultChaos(m *Manifest, e *entry) {
	name := r.text(e)
	if name == "" {
		return
	}
	m.DefaultChaosProfile = name
	r.chaosRef(m, name, e)
	w := r.warn("older-spelling", e.key, "%s is an older spelling; name the chaos profile in each build profile", quote(e.name))
	w.Help = "[profile.dev]\nchaos_profile = \"" + name + "\"\n\n[profile.release]\nchaos_profile = \"" + name + "\""
}

// chaosRef checks that a chaos profile exists.
func (r *reader) chaosRef(m *Manifest, name string, e *entry) {
	defer func(before bool) { r.chaotic = before }(r.chaotic)
	r.chaotic = true
	if _, ok := m.ChaosProfiles[name]; !ok && len(r.problems) < maxProblems {
		known := sortedKeys(m.ChaosProfiles)
		list := "there is none"
		if len(known) > 0 {
			list = "there are " + listing(known)
		}
		r.fail("unknown-chaos-profile", e.node.at, "chaos profile %s is not defined (%s)%s", quote(name), list, didYouMean(name, known))
	}
}

// chaosKeys are the keys of a profile, the older names at the end.
func chaosKeys() []string {
	return []string{"fault_injection_rate", "allowed_faults", "max_fault_duration", "network_partition_probability",
		"message_drop_rate", "actor_crash_rate", "max_concurrent_faults", "chaos_seed", "fault_schedule", "network_partition_rate"}
}

func (r *reader) chaosProfile(m *Manifest, e *entry, where string) {
	n := r.table(e)
	if n == nil {
		return
	}
	if !goodProfile(e.name) {
		r.fail("bad-name", e.key, "chaos profile %s must be letters, digits, -, _ and +", quote(e.name))
	}
	if _, ok := m.ChaosProfiles[e.name]; ok {
		r.fail("duplicate-key", e.key, "chaos profile %s is defined twice, in [chaos-profile] and in [chaos.profiles]", quote(e.name))
		return
	}
	f := r.fields(n, where, chaosKeys()...)
	r.olderPartition(f)
	p := ChaosProfile{}
	r.chaosRates(&p, f)
	p.AllowedFaults = r.allowedFaults(f["allowed_faults"])
	p.MaxFaultDuration = r.duration(f["max_fault_duration"])
	p.MaxConcurrentFaults = r.integer(f["max_concurrent_faults"], 0, math.MaxInt64)
	p.ChaosSeed = r.integer(f["chaos_seed"], math.MinInt64, math.MaxInt64)
	p.FaultSchedule = r.schedule(p, f["fault_schedule"])
	m.ChaosProfiles[e.name] = p
}

// olderPartition gives network_partition_rate its name in the specification.
func (r *reader) olderPartition(f fields) {
	older := f["network_partition_rate"]
	if older == nil {
		return
	}
	if f["network_partition_probability"] != nil {
		r.fail("duplicate-key", older.key, "%s and %s are one key; remove one", quote(older.name), quote(f["network_partition_probability"].name))
	}
	f["network_partition_probability"] = older
}

func (r *reader) chaosRates(p *ChaosProfile, f fields) {
	for _, rate := range []struct {
		key   string
		value *float64
	}{
		{"fault_injection_rate", &p.FaultInjectionRate},
		{"network_partition_probability", &p.NetworkPartitionProbability},
		{"message_drop_rate", &p.MessageDropRate},
		{"actor_crash_rate", &p.ActorCrashRate},
	} {
		if v := r.probability(f[rate.key]); v != nil {
			*rate.value = *v
		}
	}
}

func (r *reader) allowedFaults(e *entry) []string {
	names, at := r.texts(e)
	for i, name := range names {
		names[i] = r.fault(name, at[i])
	}
	if len(names) > 1 && slices.Contains(names, "all") {
		r.fail("chaos-faults", e.node.at, "%q stands for every fault; it must be alone", "all")
	}
	return names
}

// duration reads a duration above zero.
func (r *reader) duration(e *entry) Duration {
	if !r.is(e, stringKind) {
		return 0
	}
	d, err := ParseDuration(e.node.value.(string))
	if err == nil && d > 0 {
		return d
	}
	if err == nil {
		r.fail("bad-duration", e.node.at, "%s must be longer than nothing", e.name)
	} else {
		r.fail("bad-duration", e.node.at, "%v", err)
	}
	return 0
}

// rewriteProfile warns about a profile in the older spelling, with the text to write instead.
func (r *reader) rewriteProfile(e *entry) {
	if e.node.kind != tableKind {
		return
	}
	w := r.warn("older-spelling", e.key, "[chaos.profiles.%s] is an older spelling; write [chaos-profile.%s]", e.name, e.name)
	lines := []string{"[chaos-profile." + tomlKey(e.name) + "]"}
	for _, k := range e.node.entries {
		name, ok := spelling(k.name, chaosKeys())
		if name == "network_partition_rate" {
			name = "network_partition_probability"
		}
		if ok && name != "fault_schedule" {
			lines = append(lines, name+" = "+string(r.document.text[k.node.at.start:k.node.at.end]))
		}
	}
	if e.node.names["fault_schedule"] != nil || e.node.names["fault-schedule"] != nil {
		lines = append(lines, "# and [[chaos-profile."+tomlKey(e.name)+".fault_schedule]] for each [[chaos.profiles."+tomlKey(e.name)+".fault_schedule]]")
	}
	w.Help = strings.Join(lines, "\n")
}
