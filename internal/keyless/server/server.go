// Package server is the program gal-keyless: it answers the questions of package internal/keyless.
package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	helper "github.com/geeknik/gal-pkg/internal/keyless"
	"github.com/geeknik/gal-pkg/sign/keyless"
)

// Serve answers questions until there are no more. Env is the environment in which a job finds its token.
func Serve(ctx context.Context, in io.Reader, out io.Writer, env func(string) string, now func() time.Time) error {
	questions := bufio.NewScanner(in)
	questions.Buffer(make([]byte, 64<<10), helper.MaxLine)
	for questions.Scan() {
		var q helper.Question
		if err := json.Unmarshal(questions.Bytes(), &q); err != nil {
			return fmt.Errorf("a question that cannot be read: %w", err)
		}
		line, err := json.Marshal(answer(ctx, q, env, now()))
		if err != nil {
			return err
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return questions.Err()
}

func answer(ctx context.Context, q helper.Question, env func(string) string, now time.Time) (a helper.Answer) {
	if len(q.Bundle) > 0 {
		if err := keyless.Verify(q.Root, q.Bundle, q.Claim, q.Identities); err != nil {
			a.Error = helper.FailureOf(err)
		}
		return a
	}
	signed, err := sign(ctx, q, env, now)
	if err != nil {
		a.Error = helper.FailureOf(err)
		return a
	}
	a.Bundle, a.Identity = signed.Bundle, signed.Identity
	return a
}

func sign(ctx context.Context, q helper.Question, env func(string) string, now time.Time) (*keyless.Signed, error) {
	client := &http.Client{Timeout: 30 * time.Second}
	authority, err := keyless.Authority(q.Root, q.Claim.Registry, now)
	if err != nil {
		return nil, err
	}
	token, err := keyless.Ambient(ctx, client, env, keyless.Audience(authority))
	if err != nil {
		return nil, err
	}
	return keyless.Sign(ctx, client, q.Root, q.Claim, token, now)
}
