package index

// Event is what a line says happened.
type Event string

const (
	EventPublish        Event = "publish"
	EventYank           Event = "yank"
	EventUnyank         Event = "unyank"
	EventDeprecate      Event = "deprecate"
	EventOwners         Event = "owners"
	EventTombstone      Event = "tombstone"
	EventRecover        Event = "recover"
	EventRegister       Event = "register"
	EventAddKey         Event = "add-key"
	EventRevokeKey      Event = "revoke-key"
	EventAddIdentity    Event = "add-identity"
	EventRemoveIdentity Event = "remove-identity"
)

const (
	// ByRegistry signs for the registry itself: yanks and deprecations that its owners did not make.
	ByRegistry = "@registry"
	// ByRoot signs with the offline root keys: recovery of what nobody owns any more.
	ByRoot = "@root"
)

// Body is the part of a line that depends on its event. The types are [*Publish], [*Yank], [*Unyank], [*Deprecate],
// [*Owners], [*Tombstone], [*Recover] for packages and [*Register], [*AddKey], [*RevokeKey], [*AddIdentity],
// [*RemoveIdentity] for publishers.
type Body interface {
	event() Event
	encode(w *writer)
	// decode reads the value of the member called name; ok is false where the event has no such member.
	decode(name string, s *scanner, d *Decoder) (ok bool, err error)
	check() error
}

// newBody returns an empty body of an event, nil for an event that is not known.
func newBody(e Event) Body {
	switch e {
	case EventPublish:
		return new(Publish)
	case EventYank:
		return new(Yank)
	case EventUnyank:
		return new(Unyank)
	case EventDeprecate:
		return new(Deprecate)
	case EventOwners:
		return new(Owners)
	case EventTombstone:
		return new(Tombstone)
	case EventRecover:
		return new(Recover)
	case EventRegister:
		return new(Register)
	case EventAddKey:
		return new(AddKey)
	case EventRevokeKey:
		return new(RevokeKey)
	case EventAddIdentity:
		return new(AddIdentity)
	case EventRemoveIdentity:
		return new(RemoveIdentity)
	}
	return nil
}

// OfPublisher reports whether an event stands in a publisher's file; the others stand in a package's.
func (e Event) OfPublisher() bool {
	switch e {
	case EventRegister, EventAddKey, EventRevokeKey, EventAddIdentity, EventRemoveIdentity:
		return true
	}
	return false
}

func subjectMember(e Event) string {
	if e.OfPublisher() {
		return "id"
	}
	return "name"
}
