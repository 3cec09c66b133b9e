package keyless

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Ambient returns the identity token that the environment has for the job that this program runs in, for an audience:
//
//   - SIGSTORE_ID_TOKEN, where somebody has put one: on GitLab, `id_tokens:` in .gitlab-ci.yml does;
//   - on GitHub's runners, that of the job, where its workflow has `permissions: id-token: write`.
//
// Errors: fault.Auth "no-identity" where there is none, "token-refused" where the runner gives none.
func Ambient(ctx context.Context, client *http.Client, env func(string) string, audience string) (string, error) {
	if token := strings.TrimSpace(env("SIGSTORE_ID_TOKEN")); token != "" {
		return token, nil
	}
	address, secret := env("ACTIONS_ID_TOKEN_REQUEST_URL"), env("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	if address != "" && secret != "" {
		return runnerToken(ctx, client, address, secret, audience)
	}
	err := fault.New(fault.Auth, "no-identity", "there is no identity to sign with")
	if env("GITHUB_ACTIONS") == "true" {
		return "", err.WithFact("the job may not ask for its token").WithHelp("permissions: {id-token: write}      # in the workflow")
	}
	return "", err.WithFact("identities are those of jobs on GitHub and GitLab, and of people who log in").
		WithHelp("id_tokens: {SIGSTORE_ID_TOKEN: {aud: %s}}      # in .gitlab-ci.yml", audience).
		WithHelp("gal-pkg publish --sign-keyless --login device      # log in, in a browser on any machine").
		WithHelp("gal-pkg publish --sign FILE      # with a key")
}

// maxTokenAnswer is the greatest length of a runner's answer, in bytes.
const maxTokenAnswer = 1 << 20

func runnerToken(ctx context.Context, client *http.Client, address, secret, audience string) (string, error) {
	refused := fault.New(fault.Auth, "token-refused", "the runner gives the job no identity token")
	u, err := url.Parse(address)
	if err != nil || CheckService(address) != nil {
		return "", refused.WithFact("ACTIONS_ID_TOKEN_REQUEST_URL is no https address")
	}
	query := u.Query()
	query.Set("audience", audience)
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", refused.WithFact("ACTIONS_ID_TOKEN_REQUEST_URL is no https address")
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	answer, err := confine(ctx, client, address).Do(r)
	if err != nil {
		return "", unreachable(err, secret)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxTokenAnswer))
	var body struct{ Value string }
	if err != nil || answer.StatusCode != http.StatusOK || json.Unmarshal(data, &body) != nil || body.Value == "" {
		return "", refused.WithFact("%s answered %s", u.Host, answer.Status)
	}
	return body.Value, nil
}

// Audience is what tokens for a certificate authority must name as their audience: `sigstore` for the public instance, and
// for any other its host, so that what one gets is of no use at another.
func Audience(authority string) string {
	u, err := url.Parse(authority)
	if err != nil {
		return ""
	}
	if host := u.Hostname(); host == "sigstore.dev" || strings.HasSuffix(host, ".sigstore.dev") {
		return "sigstore"
	}
	return u.Hostname()
}

// CheckService holds that a service is asked over https, but for one on this machine.
func CheckService(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	local := u.Scheme == "http" && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1")
	if u.Host == "" || u.User != nil || u.Scheme != "https" && !local {
		return fmt.Errorf("%q is no https address", address)
	}
	return nil
}

// tokenClaims is what a JSON Web Token says. It is not verified: that is the authority's part.
type tokenClaims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience any    `json:"aud"` // a text, or a list of them

	// Where they are there, texts.
	Email     any `json:"email"`
	Workflow  any `json:"job_workflow_ref"`  // on GitHub
	Config    any `json:"ci_config_ref_uri"` // on GitLab
	Federated any `json:"federated_claims"`  // an object: its connector_id is the issuer that the login was handed on to
}

func readToken(token string) (c tokenClaims, err error) {
	parts := strings.Split(token, ".")
	bad := fault.New(fault.Auth, "token-refused", "what should be an identity token is none")
	if len(parts) != 3 || len(token) > 64<<10 {
		return c, bad
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &c) != nil || c.Issuer == "" || c.Subject == "" {
		return c, bad // without the cause, which would quote the token
	}
	return c, nil
}

func (c tokenClaims) audience() string {
	switch a := c.Audience.(type) {
	case string:
		return a
	case []any:
		if len(a) == 1 {
			text, _ := a[0].(string)
			return text
		}
	}
	return ""
}
