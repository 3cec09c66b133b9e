package site

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Token is what the registry knows of a token: enough to take it back, and not to use it.
type Token struct {
	ID      string    `json:"id"` // the first 12 hex digits of its sha256
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
}

// tokenID is how many hex digits of its sha256 name a token, and minTokenID how many are enough to remove one.
const (
	tokenID    = 12
	minTokenID = 6
)

func (t tokenEntry) public() Token {
	return Token{t.SHA256[:min(tokenID, len(t.SHA256))], t.Name, t.Created}
}

// Tokens lists the tokens by name, the oldest of a name first.
func (s *Site) Tokens() ([]Token, error) {
	file, err := s.tokens()
	if err != nil {
		return nil, err
	}
	list := []Token{}
	for _, t := range file.Tokens {
		list = append(list, t.public())
	}
	slices.SortStableFunc(list, func(a, b Token) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// RemoveTokens takes back the tokens of a user, or of them the one whose id begins with an id that is not "", and returns
// what it took. Nothing to take is an error of kind NotFound with code "token-unknown". It holds from the next request on.
func (s *Site) RemoveTokens(ctx context.Context, name, id string) ([]Token, error) {
	if id != "" && len(id) < minTokenID {
		return nil, fault.New(fault.Usage, "usage", "%q is too short for the id of a token, of which %d digits are enough", id, minTokenID)
	}
	release, err := s.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	file, err := s.tokens()
	if err != nil {
		return nil, err
	}
	removed, left := []Token{}, []tokenEntry{}
	for _, t := range file.Tokens {
		if t.Name == name && strings.HasPrefix(t.SHA256, id) {
			removed = append(removed, t.public())
		} else {
			left = append(left, t)
		}
	}
	if len(removed) == 0 {
		unknown := fault.New(fault.NotFound, "token-unknown", "%q has no such token", name)
		if id == "" {
			unknown.Message = "there is no token of that name: " + name
		}
		return nil, unknown
	}
	file.Tokens = left
	return removed, s.writeTokens(file)
}
