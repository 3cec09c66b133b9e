package sign

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/translog"
)

const (
	trustedRootMediaType = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
	maxTrustedRoot       = 1 << 20
	maxTrustedLogs       = 64
)

// TrustedLog is a log key with the time in which it is in use. While a registry changes from one key to the next, both
// are listed and their times overlap.
type TrustedLog struct {
	Key   translog.Verifier
	Start time.Time // required; whole seconds
	End   time.Time // zero: still in use
}

type trustedRootJSON struct {
	MediaType string           `json:"mediaType"`
	Tlogs     []trustedLogJSON `json:"tlogs"`
}

type trustedLogJSON struct {
	BaseURL       string         `json:"baseUrl"`
	HashAlgorithm string         `json:"hashAlgorithm"`
	PublicKey     trustedKeyJSON `json:"publicKey"`
	LogID         keyIDJSON      `json:"logId"`
}

type trustedKeyJSON struct {
	RawBytes   []byte     `json:"rawBytes"`
	KeyDetails string     `json:"keyDetails"`
	ValidFor   periodJSON `json:"validFor"`
}

type periodJSON struct {
	Start string `json:"start,omitempty"`
	End   string `json:"end,omitempty"`
}

// FormatTrustedRoot writes a Sigstore trusted root that holds these log keys and nothing else, in the order given. Its
// base URL is `https://ORIGIN`, because Sigstore's verifiers compare its host with the checkpoint's origin. It is what
// `cosign --trusted-root` takes. The same input gives the same bytes.
func FormatTrustedRoot(logs []TrustedLog) ([]byte, error) {
	if len(logs) == 0 || len(logs) > maxTrustedLogs {
		return nil, fmt.Errorf("a trusted root has 1 to %d log keys, not %d", maxTrustedLogs, len(logs))
	}
	root := trustedRootJSON{MediaType: trustedRootMediaType}
	for _, l := range logs {
		if l.Key == (translog.Verifier{}) || l.Start.IsZero() || !l.End.IsZero() && !l.Start.Before(l.End) {
			return nil, fmt.Errorf("log key of %q is in use from %s to %s", l.Key.Origin(), l.Start, l.End)
		}
		id := l.Key.ID()
		root.Tlogs = append(root.Tlogs, trustedLogJSON{
			BaseURL:       "https://" + l.Key.Origin(),
			HashAlgorithm: "SHA2_256",
			PublicKey: trustedKeyJSON{
				RawBytes:   l.Key.SPKI(),
				KeyDetails: "PKIX_ED25519",
				ValidFor:   periodJSON{Start: formatTime(l.Start), End: formatTime(l.End)},
			},
			LogID: keyIDJSON{KeyID: id[:]},
		})
	}
	return encodeJSON(root)
}

// instanceMembers are what a trusted root names of a Sigstore instance.
var instanceMembers = []string{"tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities"}

// WithInstance returns a trusted root that names what both name, those of root first. Instance is the trusted root of the
// Sigstore instance whose certificates are to be trusted; it must name a certificate authority.
//
// Errors: fault.Integrity "trusted-root-invalid".
func WithInstance(root, instance []byte) ([]byte, error) {
	both, err := joinRoots(root, instance)
	if err != nil {
		return nil, fault.New(fault.Integrity, "trusted-root-invalid", "the trusted root of the Sigstore instance cannot be used").WithFact("%v", err)
	}
	return both, nil
}

func joinRoots(root, instance []byte) ([]byte, error) {
	joined := struct {
		MediaType              string            `json:"mediaType"`
		Tlogs                  []json.RawMessage `json:"tlogs,omitempty"`
		CertificateAuthorities []json.RawMessage `json:"certificateAuthorities,omitempty"`
		CTLogs                 []json.RawMessage `json:"ctlogs,omitempty"`
		TimestampAuthorities   []json.RawMessage `json:"timestampAuthorities,omitempty"`
	}{MediaType: trustedRootMediaType}
	for n, data := range [][]byte{root, instance} {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(data, &members); err != nil {
			return nil, err
		}
		if kind := string(members["mediaType"]); n == 1 && kind != strconv.Quote(trustedRootMediaType) {
			return nil, fmt.Errorf("its media type is %.100s", kind)
		}
		for i, into := range []*[]json.RawMessage{&joined.Tlogs, &joined.CertificateAuthorities, &joined.CTLogs, &joined.TimestampAuthorities} {
			var list []json.RawMessage
			if text := members[instanceMembers[i]]; text != nil {
				if err := json.Unmarshal(text, &list); err != nil {
					return nil, err
				}
			}
			*into = append(*into, list...)
		}
	}
	if len(joined.CertificateAuthorities) == 0 {
		return nil, errors.New("it names no certificate authority")
	}
	return encodeJSON(joined)
}

// ParseTrustedRoot returns the keys of the log of that origin from a Sigstore trusted root of at most 1 MiB. Other logs,
// certificate authorities and members that it does not know are left to those who use them. Finding no key is an error.
//
// Errors: fault.Integrity "trusted-root-invalid".
func ParseTrustedRoot(data []byte, origin string) ([]TrustedLog, error) {
	logs, err := parseTrustedRoot(data, origin)
	if err != nil {
		return nil, fault.New(fault.Integrity, "trusted-root-invalid", "the trusted root has no usable key of log %q", origin).
			WithFact("%v", err)
	}
	return logs, nil
}

func parseTrustedRoot(data []byte, origin string) ([]TrustedLog, error) {
	if len(data) > maxTrustedRoot {
		return nil, fmt.Errorf("it is longer than %d bytes", maxTrustedRoot)
	}
	var root trustedRootJSON
	if err := json.Unmarshal(data, &root); err != nil {
		return nil, err
	}
	if len(root.Tlogs) > maxTrustedLogs {
		return nil, fmt.Errorf("it has %d logs, more than %d", len(root.Tlogs), maxTrustedLogs)
	}
	var logs []TrustedLog
	for _, l := range root.Tlogs {
		if l.BaseURL != "https://"+origin {
			continue
		}
		found, err := l.parse(origin)
		if err != nil {
			return nil, err
		}
		logs = append(logs, found)
	}
	if len(logs) == 0 {
		return nil, errors.New("it names no such log")
	}
	return logs, nil
}

func (l trustedLogJSON) parse(origin string) (TrustedLog, error) {
	if l.HashAlgorithm != "SHA2_256" || l.PublicKey.KeyDetails != "PKIX_ED25519" {
		return TrustedLog{}, fmt.Errorf("its algorithms are %q, %q", l.HashAlgorithm, l.PublicKey.KeyDetails)
	}
	key, err := translog.ParseVerifierSPKI(origin, l.PublicKey.RawBytes)
	if err != nil {
		return TrustedLog{}, err
	}
	if id := key.ID(); string(id[:]) != string(l.LogID.KeyID) {
		return TrustedLog{}, errors.New("its log id is not that of its key")
	}
	found := TrustedLog{Key: key}
	if found.Start, err = time.Parse(time.RFC3339, l.PublicKey.ValidFor.Start); err != nil {
		return TrustedLog{}, err
	}
	if l.PublicKey.ValidFor.End != "" {
		if found.End, err = time.Parse(time.RFC3339, l.PublicKey.ValidFor.End); err != nil {
			return TrustedLog{}, err
		}
	}
	return found, nil
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}
