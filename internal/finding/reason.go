package finding

import "errors"

// Reason is a class of faults for which a finding is refused: a closed set, fit
// for the label of a counter.
type Reason string

// The reasons. Other is what no fault of this package should be.
const (
	ReasonType     Reason = "type"     // a type that is not of the contract
	ReasonSeverity Reason = "severity" // a severity that is not of the contract
	ReasonState    Reason = "state"    // neither firing nor resolved
	ReasonMissing  Reason = "missing"  // no id, message or key
	ReasonValue    Reason = "value"    // a value of the wrong type or out of range
	ReasonExtra    Reason = "extra"    // an extra attribute that cannot be written
	ReasonEvent    Reason = "event"    // a record that is no finding
	ReasonOther    Reason = "other"
)

// Reasons returns all of them, as a new slice.
func Reasons() []Reason {
	return []Reason{ReasonType, ReasonSeverity, ReasonState, ReasonMissing, ReasonValue, ReasonExtra, ReasonEvent, ReasonOther}
}

// fault is an error with its class.
type fault struct {
	reason Reason
	err    error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

func classed(reason Reason, err error) error { return &fault{reason: reason, err: err} }

// ReasonOf returns the class of the first fault in an error of this package.
func ReasonOf(err error) Reason {
	if f, ok := errors.AsType[*fault](err); ok {
		return f.reason
	}
	return ReasonOther
}
