package keyless

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekortiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"google.golang.org/protobuf/encoding/protojson"

	"crypto/x509"

	"github.com/geeknik/gal-pkg/sign"
)

// services are where a signature is made.
type services struct {
	authority string // base URL of Fulcio
	log       string // base URL of Rekor v2
	stamps    string // URL of the time stamp authority
}

// rootJSON is what of a trusted root says where its services are. What they are trusted for is sigstore-go's to read.
type rootJSON struct {
	Tlogs []struct {
		BaseURL   string `json:"baseUrl"`
		PublicKey struct {
			KeyDetails string `json:"keyDetails"`
			ValidFor   period `json:"validFor"`
		} `json:"publicKey"`
	} `json:"tlogs"`
	CertificateAuthorities []serviceJSON `json:"certificateAuthorities"`
	TimestampAuthorities   []serviceJSON `json:"timestampAuthorities"`
}

type serviceJSON struct {
	URI      string `json:"uri"`
	ValidFor period `json:"validFor"`
}

type period struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

func (p period) has(t time.Time) bool {
	return !t.Before(p.Start) && (p.End.IsZero() || t.Before(p.End))
}

// Authority returns the base URL of the certificate authority that a trusted root names for now.
//
// Errors: fault.Integrity "keyless-untrusted".
func Authority(trustedRoot []byte, registry string, now time.Time) (string, error) {
	s, err := servicesOf(trustedRoot, registry, now)
	return s.authority, err
}

// servicesOf reads where to sign from a trusted root: the last of each kind that is in use. Logs with an Ed25519 key are
// those of Rekor v2; that of the registry itself takes no entries from others.
func servicesOf(trustedRoot []byte, registry string, now time.Time) (s services, err error) {
	if _, err := openRoot(trustedRoot); err != nil {
		return s, err
	}
	var root rootJSON
	if err := json.Unmarshal(trustedRoot, &root); err != nil {
		return s, untrusted(err)
	}
	s.authority, s.stamps = lastOf(root.CertificateAuthorities, now), lastOf(root.TimestampAuthorities, now)
	for _, l := range root.Tlogs {
		if l.PublicKey.KeyDetails == "PKIX_ED25519" && l.PublicKey.ValidFor.has(now) && l.BaseURL != "https://"+registry {
			s.log = strings.TrimSuffix(l.BaseURL, "/")
		}
	}
	for _, service := range []struct{ kind, url string }{
		{"certificate authority", s.authority}, {"transparency log (Rekor v2)", s.log}, {"time stamp authority", s.stamps},
	} {
		if service.url == "" {
			return s, untrusted(fmt.Errorf("it names no %s that is in use", service.kind))
		}
		if err := CheckService(service.url); err != nil {
			return s, untrusted(err)
		}
	}
	return s, nil
}

func lastOf(list []serviceJSON, now time.Time) (uri string) {
	for _, s := range list {
		if s.URI != "" && s.ValidFor.has(now) {
			uri = strings.TrimSuffix(s.URI, "/")
		}
	}
	return uri
}

// rekor is a log of Rekor v2: https://github.com/sigstore/rekor-tiles
type rekor struct {
	client *http.Client
	base   string
}

const maxEntry = 1 << 20

// Add enters a hashedrekord, and returns its place.
func (l rekor) Add(ctx context.Context, entry any) (*protorekor.TransparencyLogEntry, error) {
	record, ok := entry.(*rekortiles.HashedRekordRequestV002)
	if !ok {
		return nil, fmt.Errorf("the log takes no %T", entry)
	}
	body, err := protojson.Marshal(&rekortiles.CreateEntryRequest{Spec: &rekortiles.CreateEntryRequest_HashedRekordRequestV002{HashedRekordRequestV002: record}})
	if err != nil {
		return nil, err
	}
	address, err := url.JoinPath(l.base, "api/v2/log/entries")
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := l.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxEntry))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusCreated && answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the transparency log answered %s: %s", answer.Status, data)
	}
	var place protorekor.TransparencyLogEntry
	return &place, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, &place)
}

// IdentityOf returns the identity that the certificate of a bundle names. It is not verified: that is [Verify]'s part.
func IdentityOf(bundle []byte, c sign.Claim) (sign.Identity, error) {
	signature, err := sign.OpenCertified(bundle, c)
	if err != nil {
		return sign.Identity{}, err
	}
	parsed, err := x509.ParseCertificate(signature.Certificate)
	if err != nil {
		return sign.Identity{}, err
	}
	summary, err := certificate.SummarizeCertificate(parsed)
	if err == nil && summary.Issuer == "" {
		err = errors.New("the certificate names no issuer")
	}
	return sign.Identity{Issuer: summary.Issuer, Subject: summary.SubjectAlternativeName}, err
}
