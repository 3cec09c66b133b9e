package gitrepo

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// maxParents bounds the parents of a commit that is read; merges of more branches than that serve no index.
const maxParents = 64

// Person is who made a commit, and when, in UTC and whole seconds.
type Person struct {
	Name, Email string
	When        time.Time
}

// Commit is a commit that was read.
type Commit struct {
	Hash, Tree        Hash
	Parents           []Hash
	Author, Committer Person
	Message           string

	// Signature is the text of the header gpgsig (an SSH, X.509 or OpenPGP signature), empty where there is none.
	// Signed is what it signs: the commit's own bytes without that header.
	Signature, Signed []byte
}

// ReadCommit reads one commit.
func (r *Repo) ReadCommit(h Hash) (Commit, error) {
	data, err := r.readKind(plumbing.CommitObject, h, MaxCommit)
	if err != nil {
		return Commit{}, err
	}
	return parseCommit(h, data)
}

// parseCommit reads "tree", "parent" (any number), "author", "committer" in this order, then other headers, a blank line
// and the message. The signed bytes are cut out of the object, never encoded anew, so that what was signed is what is
// checked.
func parseCommit(h Hash, data []byte) (Commit, error) {
	if len(data) > MaxCommit {
		return Commit{}, fmt.Errorf("commit %s: %w", h, ErrTooLarge)
	}
	p := commitParser{commit: Commit{Hash: h}, rest: data}
	p.commit.Tree = p.id("tree")
	for p.err == nil && bytes.HasPrefix(p.rest, []byte("parent ")) {
		p.commit.Parents = append(p.commit.Parents, p.id("parent"))
	}
	p.commit.Author = p.person("author")
	p.commit.Committer = p.person("committer")
	p.others()
	if p.err != nil || len(p.commit.Parents) > maxParents {
		return Commit{}, unsafe("commit %s is malformed", h).Because(p.err)
	}
	p.commit.Message = string(p.rest)
	p.commit.Signed = append(p.signed, p.rest...)
	return p.commit, nil
}

// commitParser goes over the headers; after its first error it does nothing.
type commitParser struct {
	commit Commit
	rest   []byte // from the next header on, at the end the message
	signed []byte // the headers without gpgsig, with the blank line
	err    error
}

// line takes the next line, which must begin with the header's name and a space, and returns its value.
func (p *commitParser) line(name string) string {
	line, rest, ok := bytes.Cut(p.rest, []byte("\n"))
	value, named := bytes.CutPrefix(line, []byte(name+" "))
	if p.err == nil && (!ok || !named) {
		p.err = fmt.Errorf("the header %q is missing", name)
	}
	if p.err != nil {
		return ""
	}
	p.signed = append(append(p.signed, line...), '\n')
	p.rest = rest
	return string(value)
}

func (p *commitParser) id(name string) Hash {
	text := p.line(name)
	if p.err != nil {
		return Hash{}
	}
	var h Hash
	h, p.err = ParseHash(text)
	return h
}

// person reads "Name <email> seconds zone".
func (p *commitParser) person(name string) Person {
	text := p.line(name)
	who, rest, ok := strings.Cut(text, "<")
	email, when, ok2 := strings.Cut(rest, "> ")
	seconds, _, ok3 := strings.Cut(when, " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if p.err == nil && (!ok || !ok2 || !ok3 || err != nil) {
		p.err = fmt.Errorf("the header %q is malformed", name)
	}
	return Person{strings.TrimSpace(who), email, time.Unix(unix, 0).UTC()}
}

// others reads the headers that may follow, of which only gpgsig means something here. Lines that begin with a space
// continue the header before.
func (p *commitParser) others() {
	inSignature := false
	for p.err == nil {
		line, rest, ok := bytes.Cut(p.rest, []byte("\n"))
		if !ok {
			p.err = fmt.Errorf("the headers do not end")
			return
		}
		p.rest = rest
		if len(line) == 0 {
			p.signed = append(p.signed, '\n')
			return
		}
		more, continued := bytes.CutPrefix(line, []byte(" "))
		first, begins := bytes.CutPrefix(line, []byte("gpgsig "))
		switch {
		case continued && inSignature:
			p.commit.Signature = append(append(p.commit.Signature, more...), '\n')
		case begins && len(p.commit.Signature) > 0:
			p.err = fmt.Errorf("there are two signatures")
		case begins:
			inSignature = true
			p.commit.Signature = append(append(p.commit.Signature, first...), '\n')
		default:
			inSignature = continued && inSignature
			p.signed = append(append(p.signed, line...), '\n')
		}
	}
}

// Signer makes the signature of a commit from the commit's bytes: an armoured SSH signature, for instance.
type Signer interface {
	Sign(message io.Reader) ([]byte, error)
}

// CommitInfo is what a new commit says beside its content. Two commits of equal content and info have the same id.
type CommitInfo struct {
	AuthorName, AuthorEmail       string
	CommitterName, CommitterEmail string    // both empty: the author
	When                          time.Time // of author and committer; whole seconds of UTC are kept
	Message                       string    // a line end is added where it has none
	Signer                        Signer    // nil: the commit is not signed
}

// encodeCommit returns the object's bytes, signed where the info has a signer.
func encodeCommit(tree Hash, parents []Hash, info CommitInfo) ([]byte, error) {
	if info.CommitterName == "" && info.CommitterEmail == "" {
		info.CommitterName, info.CommitterEmail = info.AuthorName, info.AuthorEmail
	}
	if err := info.check(); err != nil {
		return nil, err
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "tree %s\n", tree)
	for _, p := range parents {
		fmt.Fprintf(&head, "parent %s\n", p)
	}
	when := info.When.Unix()
	fmt.Fprintf(&head, "author %s <%s> %d +0000\n", info.AuthorName, info.AuthorEmail, when)
	fmt.Fprintf(&head, "committer %s <%s> %d +0000\n", info.CommitterName, info.CommitterEmail, when)
	message := "\n" + strings.TrimRight(info.Message, "\n") + "\n"
	if info.Signer == nil {
		return append(head.Bytes(), message...), nil
	}
	signature, err := info.Signer.Sign(io.MultiReader(bytes.NewReader(head.Bytes()), strings.NewReader(message)))
	if err != nil {
		return nil, fmt.Errorf("signing the commit: %w", err)
	}
	text := strings.TrimRight(string(signature), "\n")
	fmt.Fprintf(&head, "gpgsig %s\n", strings.ReplaceAll(text, "\n", "\n "))
	return append(head.Bytes(), message...), nil
}

func (info CommitInfo) check() error {
	for _, s := range []string{info.AuthorName, info.AuthorEmail, info.CommitterName, info.CommitterEmail} {
		if s == "" || s != strings.TrimSpace(s) || strings.ContainsAny(s, "<>\n\x00") {
			return fmt.Errorf("%q cannot be a name or an address in a git commit", s)
		}
	}
	if info.When.Unix() <= 0 {
		return fmt.Errorf("a git commit needs a time after 1970")
	}
	if strings.Contains(info.Message, "\x00") || strings.TrimSpace(info.Message) == "" {
		return fmt.Errorf("a git commit needs a message without NUL bytes")
	}
	return nil
}
