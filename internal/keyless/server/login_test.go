package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	helper "github.com/geeknik/gal-pkg/internal/keyless"
	"github.com/geeknik/gal-pkg/sign/keyless/keylesstest"
)

// person is who logs in: an HTTP client that goes where a prompt says and follows redirects.
type person struct {
	t       *testing.T
	prompts []helper.Prompt
	answer  string // status and text of the last page
	before  func(page string)
	then    func() // after the last page
}

func (p *person) prompt(q helper.Prompt) error {
	p.prompts = append(p.prompts, q)
	go func() {
		if p.before != nil {
			p.before(q.URL)
		}
		answer, err := http.Get(q.URL)
		if err != nil {
			p.answer = err.Error()
		} else {
			data, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			p.answer = answer.Status + " " + string(data)
		}
		if p.then != nil {
			p.then()
		}
	}()
	return nil
}

const clientID = "ca.example.org"

// try logs in at an instance.
func try(ctx context.Context, i *keylesstest.Instance, way string, p *person) (string, error) {
	env := func(name string) string {
		if name == "BROWSER" {
			return "true" // the program, which opens nothing
		}
		return ""
	}
	l := login{client: &http.Client{Timeout: 10 * time.Second}, issuer: i.URL, audience: clientID, env: env, now: time.Now, prompt: p.prompt}
	return l.token(ctx, way)
}

func TestLogin(t *testing.T) {
	elsewhere := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusTemporaryRedirect))
	t.Cleanup(elsewhere.Close)
	discovery := func(name, value string) func(*keylesstest.Instance) {
		return func(i *keylesstest.Instance) { i.Discovery = map[string]any{name: value} }
	}
	said := func(change func(nonce, audience *string, verified *bool)) func(*keylesstest.Instance) {
		return func(i *keylesstest.Instance) { i.Claims = change }
	}
	for _, row := range []struct {
		story string
		spoil func(*keylesstest.Instance)
		ways  string
		want  string // code of the error, "" for none
		fact  string
	}{
		{"a good login", func(*keylesstest.Instance) {}, "browser device auto", "", ""},
		{"the person says no", func(i *keylesstest.Instance) { i.Deny = true }, "browser device", "login-denied", ""},
		{"a token of another login", said(func(nonce, _ *string, _ *bool) { *nonce = "other" }), "browser device", "login-failed", "another login"},
		{"a token for somebody else", said(func(_, audience *string, _ *bool) { *audience = "sigstore" }), "browser device", "login-failed", "audience"},
		{"an address that was not verified", said(func(_, _ *string, verified *bool) { *verified = false }), "browser device", "login-failed", "ada@example.org"},
		{"another issuer than was asked", discovery("issuer", "https://issuer.example.org"), "browser device", "login-failed", "did not match"},
		{"a page that is no page", discovery("authorization_endpoint", "file:///etc/passwd"), "browser", "login-failed", "no https address"},
		{"a page that is not encrypted", discovery("authorization_endpoint", "http://192.0.2.1/"), "browser", "login-failed", "no https address"},
		{"codes that would go over the network in the clear", discovery("token_endpoint", "http://192.0.2.1/"), "browser device", "login-failed", "no https address"},
		{"an endpoint that leads elsewhere", discovery("token_endpoint", elsewhere.URL), "browser device", "login-failed", "leads elsewhere"},
		{"keys that are not the issuer's", discovery("jwks_uri", elsewhere.URL), "browser device", "login-failed", ""},
		{"no page to log in, and a browser", discovery("authorization_endpoint", ""), "auto", "", ""},
		{"an issuer for jobs alone", func(i *keylesstest.Instance) {
			i.Discovery = map[string]any{"authorization_endpoint": "", "device_authorization_endpoint": ""}
		}, "auto", "no-identity", "nobody can log in at http://127.0.0.1:"},
		{"no flow for devices", discovery("device_authorization_endpoint", ""), "device", "login-failed", "--login browser"},
	} {
		for _, way := range strings.Fields(row.ways) {
			t.Run(row.story+", "+way, func(t *testing.T) {
				t.Parallel() // issuers say that devices wait for a second
				i, p := keylesstest.New(t), &person{t: t}
				row.spoil(i)
				token, err := try(t.Context(), i, way, p)
				if row.want == "" {
					if err != nil || strings.Count(token, ".") != 2 {
						t.Fatalf("%v %+v, %s", err, fault.Of(err), p.answer)
					}
					return
				}
				if f := fault.Of(err); f == nil || f.Code != row.want || !strings.Contains(strings.Join(f.Facts, "\n"), row.fact) {
					t.Errorf("%v %+v, want %s %q", err, f, row.want, row.fact)
				}
				if token != "" {
					t.Error("a token all the same")
				}
				if strings.HasPrefix(row.story, "a page") && len(p.prompts) > 0 {
					t.Errorf("the person was sent to %s", p.prompts[0].URL)
				}
			})
		}
	}
}

// TestStrangers: what comes to the loopback address without knowing the login changes nothing, and the login goes on.
func TestStrangers(t *testing.T) {
	i := keylesstest.New(t)
	p := &person{t: t, before: func(page string) {
		u, _ := url.Parse(page)
		back := u.Query().Get("redirect_uri")
		state := url.Values{"state": {u.Query().Get("state")}, "code": {"stolen"}}
		for story, ask := range map[string]*http.Request{
			"another state":   request(t, http.MethodGet, back+"?state=x&code=stolen"),
			"no state":        request(t, http.MethodGet, back+"?code=stolen"),
			"another issuer":  request(t, http.MethodGet, back+"?iss=https://evil.example&"+state.Encode()),
			"another path":    request(t, http.MethodGet, strings.Replace(back, callbackPath, "/", 1)+"?"+state.Encode()),
			"a form":          request(t, http.MethodPost, back+"?"+state.Encode()),
			"a name of a DNS": named(request(t, http.MethodGet, back+"?"+state.Encode()), "evil.example"),
		} {
			answer, err := http.DefaultClient.Do(ask)
			if err != nil || answer.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: %v, %v", story, answer, err)
			}
		}
	}}
	if token, err := try(t.Context(), i, helper.WayBrowser, p); err != nil || token == "" {
		t.Errorf("%v", err)
	}
	if !strings.HasPrefix(p.prompts[0].URL, i.URL+"/authorize?") || strings.Contains(p.prompts[0].URL, "secret") {
		t.Errorf("%s", p.prompts[0].URL)
	}
}

func request(t *testing.T, method, address string) *http.Request {
	r, err := http.NewRequest(method, address, nil)
	if err != nil {
		t.Error(err)
	}
	return r
}

func named(r *http.Request, host string) *http.Request {
	r.Host = host
	return r
}

// TestAnswerToAnother: an answer with a state that is not this login's is not taken, and the login waits on until it is
// given up.
func TestAnswerToAnother(t *testing.T) {
	i := keylesstest.New(t)
	i.Answer = func(v url.Values) { v.Set("state", "of-another-login") }
	ctx, cancel := context.WithCancel(t.Context())
	p := &person{t: t, then: cancel}
	_, err := try(ctx, i, helper.WayBrowser, p)
	if err == nil || fault.Of(err) != nil && fault.Of(err).Code != "login-failed" || !strings.HasPrefix(p.answer, "400 ") {
		t.Errorf("%v, %s", err, p.answer)
	}
}

func TestWhereToLogIn(t *testing.T) {
	for _, row := range []struct {
		login    helper.Login
		audience string
		want     string
	}{
		{helper.Login{Issuer: "https://a.example", Issuers: []string{"https://b.example"}}, "sigstore", "https://a.example"},
		{helper.Login{Issuers: []string{"https://b.example"}}, "sigstore", publicIssuer},
		{helper.Login{Issuers: []string{"https://b.example"}}, "ca.example", "https://b.example"},
		{helper.Login{Issuers: []string{"https://b.example", "https://c.example"}}, "ca.example", "no-issuer"},
		{helper.Login{}, "ca.example", "no-issuer"},
	} {
		got, err := issuerOf(&row.login, row.audience)
		if f := fault.Of(err); f != nil {
			got = f.Code
		}
		if got != row.want {
			t.Errorf("%+v: %s", row, got)
		}
	}
}

func TestHasBrowser(t *testing.T) {
	for env, want := range map[string]bool{"BROWSER=firefox": true, "SSH_CONNECTION=1.2.3.4": false, "": false} {
		name, value, _ := strings.Cut(env, "=")
		got := hasBrowser(func(n string) string {
			if n == name {
				return value
			}
			return ""
		})
		if got != want && !(env == "" && got) { // where there is a desktop there may be one
			t.Errorf("%q: %v", env, got)
		}
	}
	for _, page := range []string{"file:///etc/passwd", "-x", "javascript:alert(1)", "\x00"} {
		if err := openBrowser(func(string) string { return "true" }, page); err == nil {
			t.Errorf("%q is opened", page)
		}
	}
}
