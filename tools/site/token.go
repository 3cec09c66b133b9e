package site

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/geeknik/gal-pkg/internal/alphabet"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// tokenFile is tokens.toml. A token is shown once, when it is made; whoever reads the file cannot use it.
type tokenFile struct {
	Tokens []tokenEntry `toml:"token"`
}

type tokenEntry struct {
	Name    string    `toml:"name"`
	SHA256  string    `toml:"sha256"`
	Created time.Time `toml:"created"`
}

const maxTokenFile = 1 << 20

// isUser holds what a server takes as the name of somebody who pushes.
func isUser(name string) bool {
	const letters = alphabet.Lower + alphabet.Upper + alphabet.Digits
	return alphabet.Is(name, 1, 128, letters, letters+"._@/+-")
}

// AddToken makes a token for a user and returns it.
func (s *Site) AddToken(ctx context.Context, name string, now time.Time) (string, error) {
	if !isUser(name) {
		return "", fault.New(fault.Usage, "bad-user", "%q is not a user's name: letters, digits and . _ @ / + -, beginning with a letter or digit", name)
	}
	secret, err := randomHex(s.random, 24)
	if err != nil {
		return "", err
	}
	token := "galr_" + secret
	release, err := s.hold(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	file, err := s.tokens()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(token))
	file.Tokens = append(file.Tokens, tokenEntry{name, hex.EncodeToString(sum[:]), now.UTC().Truncate(time.Second)})
	return token, s.writeTokens(file)
}

func (s *Site) writeTokens(file *tokenFile) error {
	var out bytes.Buffer
	if err := toml.NewEncoder(&out).Encode(file); err != nil {
		return err
	}
	return atomicfile.WriteSecret(s.Path("tokens.toml"), out.Bytes())
}

func (s *Site) tokens() (*tokenFile, error) {
	data, err := atomicfile.Read(s.Path("tokens.toml"), maxTokenFile)
	if errors.Is(err, fs.ErrNotExist) {
		return &tokenFile{}, nil
	}
	if err != nil {
		return nil, err
	}
	var file tokenFile
	if _, err := manifest.DecodeTOML("tokens.toml", data, maxTokenFile, &file); err != nil {
		return nil, err
	}
	return &file, nil
}

// Authenticate returns the user of a request's token: a bearer token, or the password of basic authentication, which is
// all that git can send.
func (s *Site) Authenticate(r *http.Request) (user string, ok bool) {
	token := ""
	if _, password, basic := r.BasicAuth(); basic {
		token = password
	} else if bearer, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); found {
		token = bearer
	}
	if token == "" {
		return "", false
	}
	file, err := s.tokens()
	if err != nil {
		return "", false
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(token)))
	for _, t := range file.Tokens {
		if subtle.ConstantTimeCompare([]byte(t.SHA256), []byte(sum)) == 1 {
			return t.Name, true
		}
	}
	return "", false
}
