package publish_test

import (
	"errors"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/tools/build"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// book is a registry in memory in which ada has published mailbox, and bob is registered.
type book struct {
	*testing.T
	*build.Ledger
	ada, bob publish.Author
}

func newBook(t *testing.T) *book {
	b := &book{t, build.NewLedger(sitetest.ID, build.Empty{}, 0), sitetest.Author(t, "ada"), sitetest.Author(t, "bob")}
	b.add(b.ada.Register(sitetest.ID, "", nil))
	b.add(b.bob.Register(sitetest.ID, "", nil))
	b.add(b.ada.Publish(sitetest.ID, nil, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	return b
}

// add puts a line into the ledger, where it must count.
func (b *book) add(l *index.Line, err error) *index.Line {
	b.Helper()
	if err == nil {
		_, _, err = b.Append(l, sitetest.Now)
	}
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func (b *book) mailbox() *index.Package {
	p, err := b.Package("mailbox")
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func (b *book) publisher(id string) *index.Publisher {
	p, err := b.Publisher(id)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func TestRotate(t *testing.T) {
	b := newBook(t)
	next := sitetest.Author(t, "ada")
	lines, err := b.ada.Rotate(sitetest.ID, b.publisher("ada").Head(), next.Key)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		b.add(l, nil)
	}
	old, new := b.publisher("ada").Key(b.ada.Key.Public().Hint()), b.publisher("ada").Key(next.Key.Public().Hint())
	if !old.IsRevoked() || new == nil || new.IsRevoked() {
		t.Errorf("old %+v, new %+v", old, new)
	}
	b.add(next.Publish(sitetest.ID, b.mailbox(), sitetest.Draft(t, "mailbox", "1.1.0", "")))
	var dead *index.Ineffective
	l := sitetest.Line(t)(b.ada.Publish(sitetest.ID, b.mailbox(), sitetest.Draft(t, "mailbox", "1.2.0", "")))
	if _, _, err := b.Append(l, sitetest.Now); !errors.As(err, &dead) || dead.Code != index.DeadRevoked {
		t.Errorf("the old key: %v", err)
	}
}

// TestCosign: a line that another signs as well keeps its digest, and counts where one signature was too few.
func TestCosign(t *testing.T) {
	b := newBook(t)
	b.add(b.ada.Owners(sitetest.ID, b.mailbox(), []string{"bob", "ada", "bob"}, 2, "two"))
	l := sitetest.Line(t)(b.ada.Tombstone(sitetest.ID, b.mailbox(), "gone"))
	if n := publish.Missing(b.mailbox(), l); n != 1 {
		t.Errorf("%d signatures are missing", n)
	}
	if _, err := b.ada.Cosign(sitetest.ID, l); !fault.IsCode(err, "signed-already") {
		t.Errorf("the same key once more: %v", err)
	}
	signed := sitetest.Line(t)(b.bob.Cosign(sitetest.ID, l))
	if signed.Digest() != l.Digest() || publish.Missing(b.mailbox(), signed) != 0 {
		t.Errorf("digest %s, was %s", signed.Digest(), l.Digest())
	}
	if _, err := b.bob.Cosign(sitetest.ID, signed); !fault.IsCode(err, "signed-already") {
		t.Errorf("the second key once more: %v", err)
	}
	// A line that was read keeps its bytes; the signature must be in what is written.
	var d index.Decoder
	read, err := d.Decode(l.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	again := sitetest.Line(t)(b.bob.Cosign(sitetest.ID, read))
	if decoded, err := d.Decode(again.Bytes()); err != nil || len(decoded.Sig.Also) != 1 {
		t.Errorf("%+v, %v", decoded, err)
	}
	b.add(again, nil)
	if b.mailbox().Tombstone == nil {
		t.Error("it is not closed")
	}
}

func TestNotCosigned(t *testing.T) {
	b := newBook(t)
	l := sitetest.Line(t)(b.ada.Deprecate(sitetest.ID, b.mailbox(), "old", ""))
	if _, err := b.bob.Cosign(sitetest.ID, l); !fault.IsCode(err, "not-cosigned") {
		t.Error(err)
	}
}

// TestNewKeyElsewhere: who has only the public half leaves the second signature to whoever has the other.
func TestNewKeyElsewhere(t *testing.T) {
	b, laptop := newBook(t), sitetest.Author(t, "ada")
	l := sitetest.Line(t)(b.ada.AddKey(sitetest.ID, b.publisher("ada").Head(), laptop.Key.Public(), nil, "laptop"))
	if n := publish.Missing(nil, l); n != 1 {
		t.Errorf("%d signatures are missing", n)
	}
	var dead *index.Ineffective
	if _, _, err := b.Append(l, sitetest.Now); !errors.As(err, &dead) || dead.Code != index.DeadThreshold {
		t.Errorf("with one signature: %v", err)
	}
	b.add(laptop.Cosign(sitetest.ID, l))
	if b.publisher("ada").Key(laptop.Key.Public().Hint()) == nil {
		t.Error("the key is not there")
	}
}

// TestCompromised: what a key signed from a place on is not offered any more, what it signed before is.
func TestCompromised(t *testing.T) {
	b, safe := newBook(t), sitetest.Author(t, "ada")
	b.add(b.ada.AddKey(sitetest.ID, b.publisher("ada").Head(), safe.Key.Public(), safe.Key, ""))
	b.add(b.ada.Publish(sitetest.ID, b.mailbox(), sitetest.Draft(t, "mailbox", "1.1.0", ""))) // log 4
	since := int64(4)
	b.add(b.ada.RevokeKey(sitetest.ID, b.publisher("ada").Head(), b.ada.Key.Public().Hint(), "compromised", &since))
	b.add(safe.Publish(sitetest.ID, b.mailbox(), sitetest.Draft(t, "mailbox", "1.2.0", "")))
	for i, want := range []bool{true, false, true} {
		if r := b.mailbox().Releases[i]; r.Offered() != want {
			t.Errorf("%s is offered: %t", r.Version, r.Offered())
		}
	}
}

func TestDeprecate(t *testing.T) {
	b := newBook(t)
	b.add(b.ada.Deprecate(sitetest.ID, b.mailbox(), "old", "letters"))
	if d := b.mailbox().Deprecated; d == nil || *d != (index.Deprecate{Message: "old", Replacement: "letters"}) {
		t.Errorf("%+v", d)
	}
	b.add(b.ada.Deprecate(sitetest.ID, b.mailbox(), "", ""))
	if b.mailbox().Deprecated != nil {
		t.Error("it is not taken back")
	}
}
