// Package keylesstest is a small Sigstore instance for tests, on loopback: an OpenID Connect issuer, which gives tokens to this
// process, to whoever knows [RunnerSecret], and to a person who logs in with a browser or a device and always says what the
// test has them say; a certificate authority with a certificate transparency log, a transparency log (Rekor v2) and a time
// stamp authority. What [keyless.Sign] gets from them verifies, unless the test has spoilt it.
package keylesstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/testing/ca"

	"github.com/geeknik/gal-pkg/sign/translog"
)

// Instance is a running instance.
type Instance struct {
	URL    string // of all services, and the issuer of the tokens
	server *httptest.Server
	begun  time.Time

	root, intermediate   *x509.Certificate
	intermediateKey      *ecdsa.PrivateKey
	stampRoot, stampLeaf *x509.Certificate
	stampIntermediate    *x509.Certificate
	stampKey, ctKey      *ecdsa.PrivateKey
	tokenKey             *ecdsa.PrivateKey // of the issuer
	logKey               *translog.PrivateKey

	mu       sync.Mutex
	log      *translog.Log
	files    files
	grants   map[string]grant // by code
	Requests []string         // paths that were asked for

	// What a test may spoil before it signs.
	Before  func(*http.Request) // is called with every request; nil for nothing
	Refuse  string              // the certificate authority answers 403 with this
	Late    time.Duration       // how far after now certificates begin; they are good for ten minutes
	NoStamp bool                // certificates get no SCT

	Quick     bool                                          // codes for devices are approved before they are typed
	Deny      bool                                          // the person says no
	Discovery map[string]any                                // members of the issuer's discovery document
	Answer    func(url.Values)                              // changes what the browser is sent back with
	Claims    func(nonce, audience *string, verified *bool) // changes what a token says
}

type files map[string][]byte

// New starts an instance that ends with the test.
func New(t testing.TB) *Instance {
	t.Helper()
	i, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Close)
	return i
}

// Start starts an instance; close it after use.
func Start() (*Instance, error) {
	i := &Instance{begun: time.Now().Add(-time.Hour), files: files{}, grants: map[string]grant{}}
	if err := i.makeKeys(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v2/signingCert", i.certify)
	mux.HandleFunc("POST /api/v2/log/entries", i.enter)
	mux.HandleFunc("POST /api/v1/timestamp", i.stamp)
	mux.HandleFunc("GET /token", i.token)
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discover)
	mux.HandleFunc("GET /keys", i.keys)
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /oauth/device", i.device)
	mux.HandleFunc("GET /approve", i.approve)
	mux.HandleFunc("POST /oauth/token", i.exchange)
	i.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		i.Requests = append(i.Requests, r.URL.Path)
		i.mu.Unlock()
		if i.Before != nil {
			i.Before(r)
		}
		mux.ServeHTTP(w, r)
	}))
	i.URL = i.server.URL
	return i, nil
}

// Close ends the instance.
func (i *Instance) Close() { i.server.Close() }

func (i *Instance) makeKeys() (err error) {
	root, rootKey, err := ca.GenerateRootCa()
	if err != nil {
		return err
	}
	i.root, i.stampRoot = root, root
	if i.intermediate, i.intermediateKey, err = ca.GenerateFulcioIntermediate(root, rootKey); err != nil {
		return err
	}
	var stampIntermediateKey *ecdsa.PrivateKey
	if i.stampIntermediate, stampIntermediateKey, err = ca.GenerateTSAIntermediate(root, rootKey); err != nil {
		return err
	}
	for _, key := range []**ecdsa.PrivateKey{&i.stampKey, &i.ctKey, &i.tokenKey} {
		if *key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return err
		}
	}
	if i.stampLeaf, err = ca.GenerateTSALeafCert(time.Now().Add(-5*time.Minute), i.stampKey, i.stampIntermediate, stampIntermediateKey); err != nil {
		return err
	}
	if i.logKey, err = translog.GenerateKey(rand.Reader, logHost); err != nil {
		return err
	}
	i.log = translog.Open(i.files, translog.EmptyCheckpoint(logHost))
	return nil
}

// logHost is the host of the server: what the checkpoints of its log name as their origin.
const logHost = "127.0.0.1"

// TrustedRoot returns what the instance is verified against.
func (i *Instance) TrustedRoot() []byte {
	valid := object{"start": i.begun.UTC().Format(time.RFC3339)}
	chain := func(list ...*x509.Certificate) object {
		var certificates []object
		for _, c := range list {
			certificates = append(certificates, object{"rawBytes": c.Raw})
		}
		return object{"certificates": certificates}
	}
	ctSPKI, _ := x509.MarshalPKIXPublicKey(i.ctKey.Public()) // of a P-256 key: cannot fail
	ctID, logID := sha256.Sum256(ctSPKI), i.logKey.Verifier().ID()
	data, _ := json.MarshalIndent(object{ // of maps and bytes alone: cannot fail
		"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		"tlogs": []object{{
			"baseUrl": i.URL, "hashAlgorithm": "SHA2_256", "logId": object{"keyId": logID[:]},
			"publicKey": object{"rawBytes": i.logKey.Verifier().SPKI(), "keyDetails": "PKIX_ED25519", "validFor": valid},
		}},
		"certificateAuthorities": []object{{
			"subject": object{"organization": "test", "commonName": "test"}, "uri": i.URL,
			"certChain": chain(i.intermediate, i.root), "validFor": valid,
		}},
		"ctlogs": []object{{
			"baseUrl": i.URL + "/ct", "hashAlgorithm": "SHA2_256", "logId": object{"keyId": ctID[:]},
			"publicKey": object{"rawBytes": ctSPKI, "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid},
		}},
		"timestampAuthorities": []object{{
			"subject": object{"organization": "test", "commonName": "test"}, "uri": i.URL + "/api/v1/timestamp",
			"certChain": chain(i.stampLeaf, i.stampIntermediate, i.stampRoot), "validFor": valid,
		}},
	}, "", " ")
	return data
}

// object is JSON; bytes in it become base64.
type object map[string]any
