package resolve

// factKind says where a clause comes from that was not learned.
type factKind uint8

const (
	factRoot      factKind = iota // the root must be there
	factRequires                  // owner depends on target
	factNone                      // owner depends on target, of which no version fits
	factWants                     // owner depends on target with a feature
	factHas                       // only some versions of a bucket have a feature
	factTurnsOn                   // a feature of owner turns on another
	factOption                    // a choice between buckets takes one of its versions
	factLinks                     // two buckets claim one links value
	factDuplicate                 // two buckets of one package, which duplicates = "deny" forbids
)

// fact is a clause's reason, enough to tell it in words.
type fact struct {
	kind     factKind
	owner    uint32 // the bucket it speaks of
	versions set    // which of the owner's versions
	feature  string // the owner's feature that makes it so; "" if it always holds
	dep      *Dependency
	target   *pkg   // what dep means
	wanted   string // feature of the target, or of the owner for factTurnsOn; the value for factLinks
	other    uint32 // second bucket: the target where there is one
	others   set    // versions of other
}

// depends reports whether the fact reads "owner depends on target".
func (f *fact) depends() bool { return f.kind == factRequires || f.kind == factWants }
