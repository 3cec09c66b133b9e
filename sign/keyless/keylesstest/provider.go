package keylesstest

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/url"
)

// grant is a person's yes, on its way to whoever asked.
type grant struct {
	client, redirect, challenge, nonce string
	given                              bool // a code for a device is approved
}

// discover says where the rest is: https://openid.net/specs/openid-connect-discovery-1_0.html
func (i *Instance) discover(w http.ResponseWriter, _ *http.Request) {
	document := object{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/oauth/token",
		"device_authorization_endpoint": i.URL + "/oauth/device", "jwks_uri": i.URL + "/keys",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"},
	}
	for name, value := range i.Discovery {
		document[name] = value
	}
	reply(w, http.StatusOK, document)
}

func (i *Instance) keys(w http.ResponseWriter, _ *http.Request) {
	point, _ := i.tokenKey.PublicKey.Bytes() // of a P-256 key: cannot fail
	reply(w, http.StatusOK, object{"keys": []object{{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one", "x": encode(point[1:33]), "y": encode(point[33:]),
	}}})
}

// authorize asks the person, who says yes at once, and sends the browser back: RFC 6749, 4.1, with RFC 7636.
func (i *Instance) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || back.Hostname() != "localhost" && back.Hostname() != "127.0.0.1" || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" {
		http.Error(w, "a request that is not allowed", http.StatusBadRequest)
		return
	}
	answer := url.Values{"state": {q.Get("state")}}
	if i.Deny {
		answer.Set("error", "access_denied")
	} else {
		answer.Set("code", i.grant(grant{client: q.Get("client_id"), redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"), nonce: q.Get("nonce")}))
	}
	if i.Answer != nil {
		i.Answer(answer)
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (i *Instance) grant(g grant) (code string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	code = rand.Text()
	i.grants[code] = g
	return code
}

// device begins the flow for devices: RFC 8628.
func (i *Instance) device(w http.ResponseWriter, r *http.Request) {
	code := i.grant(grant{client: r.PostFormValue("client_id"), challenge: r.PostFormValue("code_challenge"), given: i.Quick})
	reply(w, http.StatusOK, object{
		"device_code": code, "user_code": code[:8], "verification_uri": i.URL + "/approve",
		"verification_uri_complete": i.URL + "/approve?code=" + code[:8], "expires_in": 60, "interval": 1,
	})
}

// approve is the page where a person types the code.
func (i *Instance) approve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for code, g := range i.grants {
		if g.redirect == "" && code[:8] == r.FormValue("code") {
			g.given = true
			i.grants[code] = g
			return
		}
	}
	http.Error(w, "no such code", http.StatusNotFound)
}

// exchange gives tokens for codes, once.
func (i *Instance) exchange(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	refuse := func(word string) { reply(w, http.StatusBadRequest, object{"error": word}) }
	onDevice := r.PostFormValue("grant_type") == "urn:ietf:params:oauth:grant-type:device_code"
	code := r.PostFormValue("code")
	if onDevice {
		code = r.PostFormValue("device_code")
	}
	g, ok := i.grants[code]
	verifier := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case !ok || g.client != r.PostFormValue("client_id") || encode(verifier[:]) != g.challenge || r.PostFormValue("client_secret") != "":
		refuse("invalid_grant")
		return
	case onDevice && i.Deny:
		refuse("access_denied")
		return
	case onDevice && !g.given:
		refuse("authorization_pending")
		return
	case !onDevice && g.redirect != r.PostFormValue("redirect_uri"):
		refuse("invalid_grant")
		return
	}
	delete(i.grants, code)
	id := i.issueToken(claims{Subject: "person-17", Audience: g.client, Nonce: g.nonce, Email: Person, Verified: true})
	reply(w, http.StatusOK, object{"access_token": rand.Text(), "token_type": "bearer", "expires_in": 60, "id_token": id})
}

// Person is who logs in.
const Person = "ada@example.org"
