package settings

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSecret bounds a token, a user's name and a password, in bytes.
const maxSecret = 8 << 10

// Credential is what proves to one origin who the user is: a token, or a name and a password. However it is printed,
// logged or encoded, it shows no secret; only its fields and Authorization do. That holds as far as its methods are
// called: package fmt does not call those of a value in an unexported field.
type Credential struct {
	Token    string
	Username string // with Password, instead of Token
	Password string
	Origin   string // where it may be sent, in the form of web.Origin; "" is nowhere
	Source   string // what it was found in, a variable or "credentials.toml"; Set does not look at it
}

// Authorization returns the value of the Authorization header, which is for Origin alone: AuthorizationFor makes sure of
// that. It is "" for the zero value.
func (c Credential) Authorization() string {
	switch {
	case c.Token != "":
		return "Bearer " + c.Token
	case c.Username != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password))
	}
	return ""
}

// AuthorizationFor is Authorization for a request to an origin: "" for every other than the credential's own.
func (c Credential) AuthorizationFor(origin string) string {
	if c.Origin == "" || origin != c.Origin {
		return ""
	}
	return c.Authorization()
}

// String describes the credential without its secrets.
func (c Credential) String() string {
	if c.Token == "" && c.Username == "" {
		return "no credential"
	}
	return c.masked() + " for " + c.Origin
}

// GoString is String.
func (c Credential) GoString() string { return c.String() }

// Format is String for every verb.
func (c Credential) Format(s fmt.State, _ rune) { io.WriteString(s, c.String()) }

// MarshalText is String, so that no encoder writes more.
func (c Credential) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

func (c Credential) masked() string {
	if c.Token != "" {
		return Mask(c.Token)
	}
	return fmt.Sprintf("user %q", c.Username)
}

// Mask returns a token so that its owner can tell which it is: what is before its first underscore, where that is short, and
// its last four characters, where enough of it stays hidden; `gal_…3f2a`. Of a short token nothing is shown.
func Mask(token string) string {
	const shown, hidden = 4, 12
	prefix := ""
	if i := strings.IndexByte(token, '_'); i >= 0 && i < 8 {
		prefix = token[:i+1]
	}
	if len(token) < len(prefix)+hidden+shown || checkToken(token) != nil {
		return "…"
	}
	return prefix + "…" + token[len(token)-shown:]
}

// check says what is wrong with a credential, without showing it.
func (c Credential) check() error {
	switch {
	case c.Token == "" && c.Username == "":
		return errors.New("has neither a token nor a username")
	case c.Token != "" && (c.Username != "" || c.Password != ""):
		return errors.New("has both a token and a username or password")
	case c.Token != "":
		return checkToken(c.Token)
	case c.Password == "":
		return errors.New("has a username and no password")
	case strings.Contains(c.Username, ":"):
		return errors.New("has a username with a colon")
	}
	for _, text := range []string{c.Username, c.Password} {
		if len(text) > maxSecret || strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text) {
			return fmt.Errorf("has a username or password with a control character, or with more than %d bytes", maxSecret)
		}
	}
	return nil
}

// checkToken admits what a header can carry: nothing that would end it.
func checkToken(token string) error {
	if len(token) > maxSecret {
		return fmt.Errorf("has a token of more than %d bytes", maxSecret)
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return errors.New("has a token with a space, a control character or a letter beyond ASCII")
		}
	}
	return nil
}
