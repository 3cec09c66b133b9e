// Package server is the program gal-keyless: it answers the questions of package internal/keyless.
package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	helper "github.com/geeknik/gal-pkg/internal/keyless"
	"github.com/geeknik/gal-pkg/sign/keyless"
)

// Serve answers questions until there are no more; a login ends with them. Env is the environment in which a job finds its
// token.
func Serve(ctx context.Context, in io.Reader, out io.Writer, env func(string) string, now func() time.Time) error {
	asked, stop := context.WithCancel(ctx)
	defer stop()
	s := service{out: out, env: env, now: now, asked: asked}
	questions, ended := make(chan []byte), error(nil)
	go func() {
		defer close(questions)
		defer stop() // nobody is there any more who could log in
		lines := bufio.NewScanner(in)
		lines.Buffer(make([]byte, 64<<10), helper.MaxLine)
		for lines.Scan() {
			questions <- bytes.Clone(lines.Bytes())
		}
		ended = lines.Err()
	}()
	for line := range questions {
		var q helper.Question
		if err := json.Unmarshal(line, &q); err != nil {
			return fmt.Errorf("a question that cannot be read: %w", err)
		}
		if err := s.write(s.answer(ctx, q)); err != nil {
			return err
		}
	}
	return ended
}

type service struct {
	out   io.Writer
	env   func(string) string
	now   func() time.Time
	asked context.Context // ends when whoever asks has gone
}

func (s service) write(a helper.Answer) error {
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	_, err = s.out.Write(append(line, '\n'))
	return err
}

func (s service) answer(ctx context.Context, q helper.Question) (a helper.Answer) {
	if len(q.Bundle) > 0 {
		if err := keyless.Verify(q.Root, q.Bundle, q.Claim, q.Identities); err != nil {
			a.Error = helper.FailureOf(err)
		}
		return a
	}
	signed, err := s.sign(ctx, q)
	if err != nil {
		a.Error = helper.FailureOf(err)
		return a
	}
	a.Bundle, a.Identity = signed.Bundle, signed.Identity
	return a
}

func (s service) sign(ctx context.Context, q helper.Question) (*keyless.Signed, error) {
	client := &http.Client{Timeout: 30 * time.Second}
	authority, err := keyless.Authority(q.Root, q.Claim.Registry, s.now())
	if err != nil {
		return nil, err
	}
	token, err := s.token(ctx, client, q, keyless.Audience(authority))
	if err != nil || token == "" {
		return &keyless.Signed{}, err
	}
	if err := keyless.CheckToken(authority, token, q.Identities); err != nil || q.Dry {
		return &keyless.Signed{}, err // nothing is in a log for ever that would not count
	}
	signed, err := keyless.Sign(ctx, client, q.Root, q.Claim, token, s.now())
	if err != nil {
		return nil, err
	}
	return signed, keyless.CheckIdentity(signed.Identity, q.Identities)
}

// token is what the user has given, else that of the job, else that of a person who logs in: "" where somebody would, and
// nobody is to.
func (s service) token(ctx context.Context, client *http.Client, q helper.Question, audience string) (string, error) {
	if q.Token != "" {
		return q.Token, nil
	}
	if q.Login == nil || !q.Login.Only {
		token, err := keyless.Ambient(ctx, client, s.env, audience)
		if q.Login == nil || !fault.IsCode(err, "no-identity") {
			return token, err
		}
	}
	issuer, err := issuerOf(q.Login, audience)
	if err != nil || q.Dry {
		return "", err
	}
	l := login{client: client, issuer: issuer, audience: audience, env: s.env, now: s.now, prompt: func(p helper.Prompt) error {
		return s.write(helper.Answer{Prompt: &p})
	}}
	return l.token(s.asked, q.Login.Way)
}
