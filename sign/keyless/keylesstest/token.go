package keylesstest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// claims are those of the issuer's tokens.
type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
}

// Token returns a token of the instance's issuer for a subject, a URI.
func (i *Instance) Token(subject, audience string) string {
	payload, _ := json.Marshal(claims{i.URL, subject, audience}) // of strings: cannot fail
	signed := encode([]byte(`{"alg":"HS256"}`)) + "." + encode(payload)
	return signed + "." + encode(i.mac(signed))
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func (i *Instance) mac(signed string) []byte {
	h := hmac.New(sha256.New, i.secret)
	h.Write([]byte(signed))
	return h.Sum(nil)
}

// open verifies a token.
func (i *Instance) open(token string) (c claims, err error) {
	cut := strings.LastIndexByte(token, '.')
	if cut < 0 || token[cut+1:] != encode(i.mac(token[:cut])) {
		return c, errors.New("a token of somebody else")
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
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
