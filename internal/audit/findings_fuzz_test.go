package audit

import (
	"math"
	"math/big"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
)

// FuzzFinding: what is a finding is stored whole, whatever its texts, numbers and
// times; what is none makes no row.
func FuzzFinding(f *testing.F) {
	f.Add("budget.halt", "firing", "id", "message", "spanwarden.budget.id", "usd", 87.0, int64(1790000000e9), int64(1790000001e9))
	f.Add("delegation.cycle", "resolved", "\xff\x00", "", "other", "x", math.Inf(1), int64(-1), int64(0))
	f.Add("cost.unpriced", "firing", "i", "m", "spanwarden.finding.id", "\t\n", -1e-13, int64(1), int64(math.MaxInt64))
	f.Add("baseline.rate", "firing", "i", "m", "k", "", 1e26, int64(4e18), int64(5))
	e := NewLogEncoder(Limits{ValueBytes: 1 << 20})
	f.Fuzz(func(t *testing.T, typ, state, id, message, key, value string, number float64, at, projected int64) {
		lr := plog.NewLogs().ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		lr.SetEventName(attr.FindingEvent)
		lr.SetTimestamp(pcommon.Timestamp(max(at, 0)))
		a := lr.Attributes()
		for k, v := range map[string]string{
			attr.FindingID: id, attr.FindingType: typ, attr.FindingSeverity: "high", attr.FindingState: state, attr.FindingMessage: message,
			attr.FindingKey: "k", attr.FindingProjectedAt: time.Unix(0, projected).UTC().Format(time.RFC3339Nano),
		} {
			a.PutStr(k, v)
		}
		a.PutDouble(attr.FindingObserved, number)
		a.PutStr(key, value)
		ld := plog.NewLogs()
		lr.CopyTo(ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())

		want, invalid := finding.FromLog(lr)
		refused, rows, first := 0, tables{}, ""
		emit := func(enc *Encoded) error {
			if rows[enc.Table] == nil {
				rows.read(t, enc)
			}
			if enc.Table == "finding_events" {
				first += enc.Token
			}
			return nil
		}
		for _, observed := range []time.Time{now, now.Add(time.Hour)} {
			_, err := e.Encode(ld, observed, emit, func(*RefusedLog) { refused++ })
			require.NoError(t, err)
		}
		if invalid != nil {
			assert.Equal(t, 2, refused)
			assert.Empty(t, rows)
			return
		}
		assert.Zero(t, refused)
		require.Len(t, first, 128)
		assert.Equal(t, first[:64], first[64:], "the token is of the content")
		row := rows["finding_events"]
		assert.Equal(t, want.ID, row["finding_id"])
		assert.Equal(t, want.Message, row["message"])
		assert.Equal(t, string(want.State), row["state"])
		assert.Equal(t, string(want.Type), row["type"])
		if row["ts_quality"] == tsOK {
			assert.Equal(t, want.At.UTC().Format(time.RFC3339Nano), row["ts"])
		}
		holdsNumber(t, want.Observed, row["observed_value"], row["extra"])
		if projected := row["projected_at"]; projected == "-" {
			assert.Contains(t, row["extra"], attr.FindingProjectedAt)
		} else {
			assert.Equal(t, want.ProjectedAt.UTC().Format(time.RFC3339Nano), projected)
		}
		if _, ok := want.Extra[key]; ok {
			assert.Contains(t, row["extra"], key+":"+value)
		}
	})
}

// holdsNumber: the column is the number to half a pico, or unknown, and then the
// number stands in extra.
func holdsNumber(t *testing.T, n finding.Number, column, extra string) {
	t.Helper()
	v, known := n.Get()
	require.True(t, known)
	if column == "-" {
		assert.Contains(t, extra, attr.FindingObserved)
		return
	}
	got, ok := new(big.Rat).SetString(column)
	require.True(t, ok, column)
	exact, ok := new(big.Rat).SetString(strconv.FormatFloat(v, 'g', -1, 64))
	require.True(t, ok)
	off := new(big.Rat).Sub(got, exact)
	assert.LessOrEqual(t, off.Abs(off).Cmp(big.NewRat(1, 2e12)), 0, "%s is not %v", column, v)
}

// FuzzWideDecimal holds the conversion against arithmetic of arbitrary size.
func FuzzWideDecimal(f *testing.F) {
	for _, v := range []float64{0, 0.1, -0.1, 87, 1e25, 9.9999999999999e25, 1e26, -1e25, 1e-13, 5e-13, math.MaxFloat64, 123456789.000000000001} {
		f.Add(v)
	}
	limit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(26), nil))
	f.Fuzz(func(t *testing.T, v float64) {
		d := wideDecimalOf(v)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			assert.False(t, d.Set)
			return
		}
		exact, ok := new(big.Rat).SetString(strconv.FormatFloat(v, 'g', -1, 64))
		require.True(t, ok)
		fits := new(big.Rat).Abs(exact).Cmp(limit) < 0
		if !fits {
			assert.False(t, d.Set, "%v does not fit", v)
			return
		}
		// Within a factor of ten of the bound the conversion may refuse.
		if !d.Set {
			assert.GreaterOrEqual(t, math.Abs(v), 0.99e26, "%v fits", v)
			return
		}
		got, ok := new(big.Rat).SetString(decimalText(d.Value))
		require.True(t, ok)
		off := new(big.Rat).Sub(got, exact)
		assert.LessOrEqual(t, off.Abs(off).Cmp(big.NewRat(1, 2e12)), 0, "%v became %s", v, decimalText(d.Value))
	})
}
