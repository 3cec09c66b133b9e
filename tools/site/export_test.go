package site

import (
	"context"
	"time"
)

// Steps are the steps of a merge, in order, for tests that cut it off after one of them.
var Steps = []string{"main", "dist", "public"}

// MergeUntil merges one proposal and stops after a step, as a process that is killed there.
func (s *Site) MergeUntil(ctx context.Context, now time.Time, branch, last string) error {
	release, err := s.hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	commit, err := s.repo.Ref("refs/heads/" + branch)
	if err != nil {
		return err
	}
	p, err := s.proposal(ctx, commit)
	if err != nil {
		return err
	}
	_, lines, err := s.judge(ctx, p, now, false)
	if err != nil {
		return err
	}
	main, err := s.append(ctx, now, p, lines)
	if err != nil || last == "main" {
		return err
	}
	dist, done, err := s.published()
	if err != nil {
		return err
	}
	if _, err = s.publish(ctx, now, main, dist, done, &BuildReport{}); err != nil || last == "dist" {
		return err
	}
	_, err = s.build(ctx, now)
	return err
}
