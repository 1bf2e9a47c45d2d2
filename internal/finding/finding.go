package finding

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/attr"
)

// Number is a number that may be unknown, as its zero value is.
type Number struct {
	value float64
	known bool
}

// Known returns a known number. Validate refuses a finding with a NaN or an
// infinity.
func Known(v float64) Number { return Number{value: v, known: true} }

// Get returns the number and whether it is known.
func (n Number) Get() (float64, bool) { return n.value, n.known }

// Finding is one thing found. Empty strings, unknown numbers and zero times are
// unknown and are written nowhere.
type Finding struct {
	// ID is equal for the same cause, firing or resolved. See ID.
	ID       string
	Type     Type
	Severity Severity
	State    State
	// Message is one sentence a person can act on.
	Message string
	// Key is what an alert groups on, stable while the cause lasts.
	Key      string
	Controls []string
	// At is when it was found, to the nanosecond: after the start of 1970, which
	// on the wire means no time, and before 2262.
	At time.Time

	Tenant, Agent, Session, Project, Principal string
	Rule, PolicyVersion                        string

	// TraceID and SpanID are those of the accused action.
	TraceID pcommon.TraceID
	SpanID  pcommon.SpanID

	// Observed, Expected and Limit share a unit, which Message names.
	Observed, Expected, Limit Number
	// ProjectedAt is when the limit will be reached.
	ProjectedAt time.Time

	// Extra holds other attributes. Each name begins with "spanwarden." and is
	// not that of a field above; values are what pcommon.Value.FromRaw takes.
	Extra map[string]any
}

// New returns a firing finding with the id of the cause and the defaults of its
// type. Message, At and the rest are for the caller to fill in.
func New(t Type, tenant, key string, cause ...string) Finding {
	return Finding{
		ID: ID(t, tenant, cause...), Type: t, Severity: t.DefaultSeverity(), Controls: t.DefaultControls(),
		State: Firing, Tenant: tenant, Key: key,
	}
}

// ID returns the id of a cause, 32 hex digits: the first 16 bytes of SHA-256
// over "spanwarden.finding.v1", type, tenant and the parts of the cause, in this
// order, each after its length in bytes as a big-endian uint64. A cause names
// what is accused and why (chain, span, rule; or budget, key, period), never a
// time of processing, so that a replay repeats the id.
func ID(t Type, tenant string, cause ...string) string {
	h := sha256.New()
	for _, s := range append([]string{"spanwarden.finding.v1", string(t), tenant}, cause...) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Validate returns every fault at once, each naming attribute and value.
func (f *Finding) Validate() error {
	errs := []error{f.Type.Validate(), f.Severity.Validate()}
	if f.State != Firing && f.State != Resolved {
		errs = append(errs, classed(ReasonState, fmt.Errorf("%s: %q is neither firing nor resolved", attr.FindingState, string(f.State))))
	}
	for _, s := range [...]struct{ name, value string }{
		{attr.FindingID, f.ID}, {attr.FindingMessage, f.Message}, {attr.FindingKey, f.Key},
	} {
		if s.value == "" {
			errs = append(errs, classed(ReasonMissing, fmt.Errorf("%s: missing", s.name)))
		}
	}
	for _, n := range [...]struct {
		name  string
		value Number
	}{{attr.FindingObserved, f.Observed}, {attr.FindingExpected, f.Expected}, {attr.FindingLimit, f.Limit}} {
		if math.IsNaN(n.value.value) || math.IsInf(n.value.value, 0) {
			errs = append(errs, classed(ReasonValue, fmt.Errorf("%s: %v is not a finite number", n.name, n.value.value)))
		}
	}
	if !f.At.IsZero() && (!f.At.After(time.Unix(0, 0)) || f.At.After(time.Unix(0, math.MaxInt64))) {
		errs = append(errs, classed(ReasonValue, fmt.Errorf("time of the finding: %s is outside 1970 to 2262", f.At)))
	}
	if y := f.ProjectedAt.UTC().Year(); y < 1 || y > 9999 {
		errs = append(errs, classed(ReasonValue, fmt.Errorf("%s: %s is outside the years 1 to 9999", attr.FindingProjectedAt, f.ProjectedAt)))
	}
	return errors.Join(append(errs, f.validateExtra())...)
}

func (f *Finding) validateExtra() error {
	var errs []error
	for name, value := range f.Extra {
		switch {
		case !strings.HasPrefix(name, attr.Prefix):
			errs = append(errs, fmt.Errorf("%s: an extra attribute begins with %q", name, attr.Prefix))
		case isField(name):
			errs = append(errs, fmt.Errorf("%s: is a field of the finding, not an extra attribute", name))
		default:
			if err := pcommon.NewValueEmpty().FromRaw(value); err != nil {
				errs = append(errs, fmt.Errorf("%s: %v: %w", name, value, err))
			}
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return classed(ReasonExtra, errors.Join(errs...))
}
