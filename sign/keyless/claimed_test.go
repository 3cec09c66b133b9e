package keyless_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/keyless"
)

// TestCheckToken: what the authority would certify of a token's bearer is held against the identities before it does.
func TestCheckToken(t *testing.T) {
	const authority, issuer = "https://fulcio.sigstore.dev", "https://issuer.example"
	const github = `"sub":"repo:ada/mailbox:ref:refs/heads/main","job_workflow_ref":"ada/mailbox/.github/workflows/release.yml@refs/heads/main"`
	const gitlab = `"sub":"project_path:ada/mailbox:ref_type:branch:ref:main","ci_config_ref_uri":"gitlab.com/ada/mailbox//.gitlab-ci.yml@refs/heads/main"`
	const handed = `"sub":"Cgx","email":"ada@example.org","federated_claims":{"connector_id":"https://accounts.example"}`
	for _, tt := range []struct {
		claims, issuer, subject string // of the token, but for its issuer and audience; of the publisher's identity
		want                    bool
	}{
		{`"sub":"https://ci.test/ada"`, issuer, "https://ci.test/ada", true},
		{`"sub":"https://ci.test/ada"`, issuer, "https://ci.test/eve", false},
		{`"sub":"https://ci.test/ada"`, "https://other.example", "https://ci.test/ada", false},
		{github, issuer, "https://github.com/ada/mailbox/.github/workflows/release.yml@refs/heads/main", true},
		{github, issuer, "https://github.ada.example/ada/mailbox/.github/workflows/release.yml@refs/heads/main", true},
		{github, issuer, "https://github.com/ada/mailbox/.github/workflows/test.yml@refs/heads/main", false},
		{github, issuer, "repo:ada/mailbox:ref:refs/heads/main", false},
		{gitlab, issuer, "https://gitlab.com/ada/mailbox//.gitlab-ci.yml@refs/heads/main", true},
		{gitlab, issuer, "https://gitlab.com/eve/mailbox//.gitlab-ci.yml@refs/heads/main", false},
		{handed, "https://accounts.example", "ada@example.org", true},
		{handed, issuer, "ada@example.org", true},
		{handed, "https://accounts.example", "eve@example.org", false},
		{`"sub":"https://ada.example/ada"`, issuer, "https://ada.example/ada!ada.example", true},
		{`"sub":"organization:ada:pipeline:mailbox"`, issuer, "https://buildkite.com/ada/mailbox", true}, // as the authority says
		{`"sub":"organization:ada:pipeline:mailbox"`, "https://other.example", "https://buildkite.com/ada/mailbox", false},
		{`"sub":"https://ci.test/ada","email":7,"job_workflow_ref":[],"federated_claims":"x"`, issuer, "https://ci.test/ada", true},
	} {
		token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+issuer+`","aud":"sigstore",`+tt.claims+"}")) + ".c2ln"
		err := keyless.CheckToken(authority, token, []sign.Identity{{Issuer: "https://x.example", Subject: "x"}, {Issuer: tt.issuer, Subject: tt.subject}})
		if (err == nil) != tt.want || err != nil && !fault.IsCode(err, "identity-unknown") {
			t.Errorf("%s as %s of %s: %v", tt.claims, tt.subject, tt.issuer, err)
		}
		if err := keyless.CheckToken(authority, token, nil); !fault.IsCode(err, "identity-unknown") || strings.Contains(strings.Join(fault.Of(err).Facts, " "), token) {
			t.Errorf("%s as nobody: %v", tt.claims, err)
		}
		if err := keyless.CheckToken("https://fulcio.example", token, nil); !fault.IsCode(err, "token-refused") {
			t.Errorf("%s for another authority: %v", tt.claims, err)
		}
	}
	if err := keyless.CheckToken(authority, "no token", nil); !fault.IsCode(err, "token-refused") {
		t.Errorf("%v", err)
	}
}
