package keylesstest

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"time"
)

// claims are those of the issuer's tokens.
type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Expires  int64  `json:"exp"`
	Issued   int64  `json:"iat"`
	Nonce    string `json:"nonce,omitempty"`
	Email    string `json:"email,omitempty"`
	Verified bool   `json:"email_verified,omitempty"`
}

// name is what a certificate is for.
func (c claims) name() string {
	if c.Email != "" {
		return c.Email
	}
	return c.Subject
}

// Token returns a token of the instance's issuer for a subject, a URI.
func (i *Instance) Token(subject, audience string) string {
	return i.issueToken(claims{Subject: subject, Audience: audience})
}

// issueToken completes and signs claims: RFC 7515, ES256.
func (i *Instance) issueToken(c claims) string {
	c.Issuer, c.Issued, c.Expires = i.URL, time.Now().Unix(), time.Now().Add(time.Hour).Unix()
	if i.Claims != nil {
		i.Claims(&c.Nonce, &c.Audience, &c.Verified)
	}
	payload, _ := json.Marshal(c) // of texts and numbers: cannot fail
	signed := encode([]byte(`{"alg":"ES256","kid":"one"}`)) + "." + encode(payload)
	digest := sha256.Sum256([]byte(signed))
	r, s, _ := ecdsa.Sign(rand.Reader, i.tokenKey, digest[:]) // with a good key: cannot fail
	return signed + "." + encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// open verifies a token.
func (i *Instance) open(token string) (c claims, err error) {
	other := errors.New("a token of somebody else")
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, other
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		return c, other
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(&i.tokenKey.PublicKey, digest[:], r, s) {
		return c, other
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(payload, &c)
}

// RunnerSecret is the bearer token with which a job asks for its token, as on GitHub's runners.
const RunnerSecret = "runner-secret-0123456789"

// token gives a job its token for an audience: what ACTIONS_ID_TOKEN_REQUEST_URL leads to. The subject is in the query.
func (i *Instance) token(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+RunnerSecret {
		http.Error(w, "not a runner", http.StatusUnauthorized)
		return
	}
	reply(w, http.StatusOK, object{"value": i.Token(r.FormValue("subject"), r.FormValue("audience"))})
}

func reply(w http.ResponseWriter, status int, body object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}
