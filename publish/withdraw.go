package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/alphabet"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/sign"
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

// Withdraw asks the registry to close an open proposal, which it does where the author's key is that of the proposal's
// commit. Reason may be "". The commit is "" where the registry was asked before and has not answered yet.
//
// Errors: fault.Usage "bad-reason".
func (x *Index) Withdraw(ctx context.Context, author Author, registry string, open Waiting, reason string) (*Proposal, error) {
	if reason != "" {
		if err := CheckReason(reason); err != nil {
			return nil, err
		}
	}
	subject, _, ok := index.ParseProposalBranch(open.Branch)
	if !ok {
		return nil, fmt.Errorf("%q is no branch of a proposal", open.Branch)
	}
	message := fmt.Sprintf("%s: withdraw %s\n\n", subject, open.Branch)
	if reason != "" {
		message += because + reason + "\n"
	}
	sum := sha256.Sum256([]byte("withdraw\n" + open.Commit + "\n" + author.Key.Public().Hint()))
	p := &Proposal{Branch: index.ProposalBranch(subject, index.Digest("sha256:"+hex.EncodeToString(sum[:])))}
	var err error
	p.Commit, err = x.store.Commit(ctx, nil, gitindex.CommitInfo{
		AuthorName: author.ID, AuthorEmail: fmt.Sprintf("%s@%s", author.ID, registry), When: author.Now,
		Message: message + withdraws + open.Commit + "\n", Signer: author.Key.CommitSigner(author.Random),
	})
	if err != nil {
		return nil, err
	}
	err = x.store.Push(ctx, "refs/heads/"+p.Branch, p.Commit, gitindex.PushOptions{})
	if fault.IsCode(err, "git-branch-exists") {
		p.Commit, err = "", nil
	}
	return p, err
}

// CheckReason holds that a reason to close a proposal is one line of text, of 1 to 500 bytes.
//
// Errors: fault.Usage "bad-reason".
func CheckReason(text string) error {
	if strings.TrimSpace(text) == "" || len(text) > maxReason || !utf8.ValidString(text) ||
		strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fault.New(fault.Usage, "bad-reason", "a reason is one line of 1 to %d bytes", maxReason)
	}
	return nil
}

// SignerOf returns the key that has signed a commit, false where none has.
func SignerOf(c gitrepo.Commit) (sign.PublicKey, bool) {
	signature, err := sign.ParseCommitSignature(c.Signature)
	if err != nil {
		return sign.PublicKey{}, false
	}
	key := signature.ClaimedKey()
	return key, signature.Verify(key, bytes.NewReader(c.Signed)) == nil
}

// ParseWithdrawal reads the message of a commit that takes a proposal back; false for another one. A reason that is none is
// "".
func ParseWithdrawal(message string) (commit, reason string, ok bool) {
	for line := range strings.Lines(message) {
		line = strings.TrimSuffix(line, "\n")
		if text, found := strings.CutPrefix(line, because); found && CheckReason(text) == nil {
			reason = text
		}
		if text, found := strings.CutPrefix(line, withdraws); found {
			commit = text
		}
	}
	return commit, reason, alphabet.Is(commit, 40, 40, alphabet.Digits+"abcdef", alphabet.Digits+"abcdef")
}
