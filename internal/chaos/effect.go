package chaos

import "time"

// effect is what becomes of something that is attempted.
type effect int

const (
	none    effect = iota
	late           // by up to a second
	slow           // by up to five
	silent         // nothing comes
	lost           // no answer
	cut            // half an answer
	gone           // nobody is there
	busy           // 503
	crowded        // 429
	flipped        // one bit is another
	swapped        // every byte is another
	page           // of somebody in between
	full           // no space left
	broken         // the disk cannot write
)

// pair is the effect that a fault has on requests, and the one that it has on files.
type pair struct{ request, file effect }

// effects are all faults of the language that have any here, by the one of their names that [manifest.FaultName] returns.
func effects() map[string]pair {
	return map[string]pair{
		"message_drop":        {request: lost},
		"packet_loss":         {request: lost},
		"connection_loss":     {request: cut},
		"connection_timeout":  {request: silent},
		"database_timeout":    {request: silent},
		"network_partition":   {request: gone},
		"node_failure":        {request: gone},
		"service_unavailable": {request: busy},
		"query_error":         {request: busy},
		"resource_exhaustion": {request: crowded, file: full},
		"network_delay":       {request: late},
		"message_delay":       {request: late},
		"delay":               {request: late, file: late},
		"latency_spike":       {request: slow},
		"message_corruption":  {request: flipped},
		"malicious_update":    {request: swapped},
		"byzantine_behavior":  {request: page},
		"disk_fault":          {file: broken},
		"hardware_failure":    {file: broken},
	}
}

// words say what an effect looks like.
func (e effect) words() string {
	return map[effect]string{
		late: "late", slow: "very late", silent: "nothing comes", lost: "the connection is reset", cut: "the answer ends in the middle",
		gone: "the host cannot be reached", busy: "status 503", crowded: "status 429", flipped: "one bit is another",
		swapped: "every byte is another", page: "a web page instead", full: "no space left", broken: "the disk fails",
	}[e]
}

// takesTime reports whether an effect is there for a while, and not only at one moment.
func (e effect) takesTime() bool { return e == late || e == slow || e == silent }

// alters reports whether an effect is other bytes in the place of those of an answer.
func (e effect) alters() bool { return e == flipped || e == swapped }

// longest is for how long an effect is there that nothing else bounds. A silence is as long as a client waits.
func (e effect) longest() time.Duration {
	switch e {
	case late:
		return time.Second
	case slow:
		return 5 * time.Second
	case silent:
		return 10 * time.Second
	}
	return 0
}
