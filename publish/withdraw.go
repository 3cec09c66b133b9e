package publish

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/alphabet"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// A proposal is never changed, and only the registry removes a branch. So it is taken back by a further commit on main, on a
// branch of its own, that changes nothing, is signed with the same key as the proposal's, and says in its message:
//
//	mailbox: withdraw publish/mailbox/0123456789abcdef
//
//	Reason: the tests were missing
//	Withdraws: 40 hex digits, the commit of the proposal
const (
	withdraws = "Withdraws: "
	because   = "Reason: "
)

// maxReason bounds the reason, in bytes.
const maxReason = 500

// Withdraw asks the registry to close an open proposal. Reason may be "".
//
// Errors: fault.NotFound "no-proposal", fault.Usage "bad-reason".
func (x *Index) Withdraw(ctx context.Context, author Author, registry, branch, reason string) (*Proposal, error) {
	if len(reason) > maxReason || strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return nil, fault.New(fault.Usage, "bad-reason", "a reason is one line of at most %d bytes", maxReason)
	}
	subject, _, ok := index.ParseProposalBranch(branch)
	refs, err := x.store.Refs(ctx, "refs/heads/"+branch)
	if err != nil {
		return nil, err
	}
	target := ""
	for _, ref := range refs {
		if ref.Name == "refs/heads/"+branch {
			target = ref.Hash.String()
		}
	}
	if !ok || target == "" {
		return nil, fault.New(fault.NotFound, "no-proposal", "no proposal %s is open", branch).WithHelp("gal-pkg proposal list")
	}
	message := fmt.Sprintf("%s: withdraw %s\n\n", subject, branch)
	if reason != "" {
		message += because + reason + "\n"
	}
	sum := sha256.Sum256([]byte("withdraw\n" + target + "\n" + author.Key.Public().Hint()))
	p := &Proposal{Branch: index.ProposalBranch(subject, index.Digest("sha256:"+hex.EncodeToString(sum[:])))}
	p.Commit, err = x.store.Commit(ctx, nil, gitindex.CommitInfo{
		AuthorName: author.ID, AuthorEmail: fmt.Sprintf("%s@%s", author.ID, registry), When: author.Now,
		Message: message + withdraws + target + "\n", Signer: author.Key.CommitSigner(author.Random),
	})
	if err != nil {
		return nil, err
	}
	return p, x.store.Push(ctx, "refs/heads/"+p.Branch, p.Commit, gitindex.PushOptions{})
}

// ParseWithdrawal reads the message of a commit that takes a proposal back; false for another one.
func ParseWithdrawal(message string) (commit, reason string, ok bool) {
	for line := range strings.Lines(message) {
		line = strings.TrimSuffix(line, "\n")
		if text, found := strings.CutPrefix(line, because); found {
			reason = text
		}
		if text, found := strings.CutPrefix(line, withdraws); found {
			commit = text
		}
	}
	return commit, reason, alphabet.Is(commit, 40, 40, alphabet.Digits+"abcdef", alphabet.Digits+"abcdef")
}
