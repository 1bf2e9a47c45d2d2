package policy

// Truth is a value of Kleene's strong three-valued logic. The zero value is
// False, so that what nobody computed allows nothing.
type Truth uint8

// The values, ordered so that AND is the minimum and OR the maximum.
const (
	False Truth = iota
	Unknown
	True
)

var truthNames = [...]string{"false", "unknown", "true"}

// String returns "false", "unknown" or "true".
func (t Truth) String() string { return truthNames[min(t, True)] }

// And is the Kleene conjunction.
func (t Truth) And(u Truth) Truth { return min(t, u) }

// Or is the Kleene disjunction.
func (t Truth) Or(u Truth) Truth { return max(t, u) }

// Not is the Kleene negation.
func (t Truth) Not() Truth { return True - t }

func truthOf(b bool) Truth {
	if b {
		return True
	}
	return False
}
