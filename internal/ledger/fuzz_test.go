package ledger

import (
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/pricing"
)

var faultLine = regexp.MustCompile(`^f\.yaml:[0-9]+: .`)

// A budget file is refused with the place of every fault, or it says what it
// means: written anew from what was understood, it is understood the same.
func FuzzParseBudgets(f *testing.F) {
	for _, seed := range []string{
		everything, modelled, "version: 1\nbudgets: [{id: a, scope: tenant, limit_usd: -1}]", "on_state_loss: halt\nversion: 1",
		"version: 1\nbudgets: [&a {id: a, scope: tenant, limit_usd: 1}, *a]", "version: 1\n---\nversion: 1", "{}", "version: 1\nbudgets: {}",
		"version: 1\nbudgets: [{id: w, scope: session, limit_wall_clock: 30m, period: session, warn_at: [1], select: {agent: x*}, reason: r, controls: [A.1]}]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := ParseBudgets("f.yaml", data)
		if err != nil {
			assert.Regexp(t, faultLine, err.Error())
			return
		}
		seen := map[string]bool{}
		for _, one := range b.All() {
			require.NotEmpty(t, one.ID)
			require.False(t, seen[one.ID])
			seen[one.ID] = true
			require.Zero(t, one.Limit.Hi)
			require.Less(t, one.Scope, scopes)
			require.LessOrEqual(t, one.Mode, Enforce)
			require.LessOrEqual(t, one.OnExceed, EffectHalt)
			for _, w := range one.WarnAt {
				require.True(t, w > 0 && w <= 1)
			}
			if p := one.projection; p != nil {
				require.True(t, p.spend >= 0 && p.elapsed >= 0 && (p.horizon > 0 || one.period.calendar()))
			}
		}
		again, err := ParseBudgets("f.yaml", written(t, b))
		require.NoError(t, err)
		require.Len(t, again.All(), len(b.All()))
		require.Equal(t, b.haltOnLoss, again.haltOnLoss)
		for i, want := range b.All() {
			got := again.All()[i]
			got.Source, got.period.loc = want.Source, want.period.loc
			require.Equal(t, want, got)
		}
	})
}

// Any history of charges gives what the obvious model has, through restarts.
func FuzzCharges(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, n := range []int{16, 400, 4000} {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		opt := store{}.options(Options{MaxKeys: 24, ActionTTL: 1e6 * time.Hour, ResponseTTL: 1e6 * time.Hour})
		l, m := New(modelledBudgets(t), opt), newModel(modelBudgets(t))
		var charges []Charge
		byID := map[byte]Charge{}
		for ; len(data) >= 16 && len(charges) < 300; data = data[16:] {
			c, again := byID[data[0]]
			if !again {
				c = chargeOf(data[:16])
				byID[data[0]] = c
			}
			if data[12]&1 != 0 { // who drove it is not known yet
				c.Ancestors, c.AncestorRuns = nil, nil
			}
			if data[12]&2 != 0 {
				c.Root = ""
			}
			charges = append(charges, c)
			events, repeat := l.Book(&c, nil)
			require.Equal(t, m.charge(&c), repeat)
			requireFired(t, m, events)
			if data[15] > 250 {
				next := New(modelledBudgets(t), opt)
				require.NoError(t, next.Restore(l.Snapshot()))
				l = next
			}
		}
		requireModel(t, m, l, charges)
	})
}

// chargeOf makes a charge of 16 bytes, from few keys so that they meet.
func chargeOf(b []byte) Charge {
	pick := func(prefix string, v byte, n byte) string {
		if v%16 == 15 {
			return ""
		}
		return prefix + string('0'+rune(v%n))
	}
	end := time.Date(2026, 3, 27, 9, 0, 0, 0, time.UTC).Add(time.Duration(binary.LittleEndian.Uint16(b[1:])) * 8 * time.Second)
	c := Charge{
		Action: actionID(int(b[0])), Start: end.Add(-time.Duration(b[3]) * time.Minute), End: end, Kind: Kind(b[4] % 3), Tokens: uint64(b[5]) * 7,
		Scopes: Scopes{
			Tenant: pick("t", b[6]&3, 2), Project: pick("p", b[6]>>4, 3), Agent: pick("a", b[7]&15, 4), Session: pick("s", b[7]>>4, 5),
			Principal: pick("u", b[8]&15, 3), Root: pick("r", b[8]>>4, 4), Run: pick("run", b[9]&15, 3),
		},
		Trace: actionID(10 + int(b[10]%4)),
	}
	if b[9]>>4 > 4 {
		c.Ancestors = []string{pick("a", b[11]&15, 4), pick("a", b[11]>>4, 4)}
	}
	if b[9]>>4 > 10 {
		c.AncestorRuns = []string{pick("run", b[12]&15, 3), pick("run", b[12]>>4, 3)}
	}
	if c.Kind != ModelCall {
		return c
	}
	if b[10]>>4 > 3 {
		c.Response = ResponseID(c.Tenant, pick("resp", b[13], 14))
	}
	amount := pricing.KnownAmount(pricing.Pico(uint64(b[14]) * 31_000_000_007))
	switch b[13] >> 6 {
	case 0:
	case 1:
		c.Bound = amount
	default:
		c.Cost = amount
	}
	return c
}

// What is no snapshot is refused and changes nothing; what is one comes back as
// it was, and the ledger goes on adding to it.
func FuzzRestore(f *testing.F) {
	l := New(budgets(f, everything), Options{})
	charges := randomCharges(rand.New(rand.NewPCG(1, 1)), 20)
	for i := range charges {
		l.Charge(&charges[i])
	}
	f.Add(l.Snapshot())
	f.Add(New(nil, Options{}).Snapshot())
	good := l.Snapshot()
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		l := New(budgets(t, everything), Options{})
		l.Charge(&charges[0])
		before := l.Snapshot()
		if err := l.Restore(data); err != nil {
			require.ErrorIs(t, err, ErrState)
			require.Equal(t, before, l.Snapshot(), "a refused snapshot changes nothing")
			return
		}
		first := l.Snapshot()
		require.NoError(t, l.Restore(first))
		require.Equal(t, first, l.Snapshot(), "what was restored is what is there")
		c := charges[1]
		c.Action = actionID(1 << 40)
		c.Response = ID{}
		was, _ := l.Spend(Tenant, c.Tenant, c.Tenant)
		if r := l.Charge(&c); r.Duplicate {
			return
		}
		is, ok := l.Spend(Tenant, c.Tenant, c.Tenant)
		require.True(t, ok)
		p, _ := c.Cost.Pico()
		require.Equal(t, was.USD.Plus(SumOf(uint64(p))), is.USD)
		l.Tick(c.End.Add(time.Hour))
	})
}

// A journal is read to its end, to a torn tail or to damage, and what was read
// can be written again.
func FuzzJournal(f *testing.F) {
	charges := randomCharges(rand.New(rand.NewPCG(2, 1)), 5)
	var journal []byte
	for i := range charges {
		journal = AppendRecord(journal, &Record{Kind: RecordCharge, Seq: uint64(i + 1), Charge: charges[i]})
	}
	journal = AppendRecord(journal, &Record{Kind: RecordHalt, Seq: 9, Now: epoch, Order: Order{Scope: Agent, Key: "a", By: "b", Reason: "c"}})
	f.Add(journal, []byte(nil))
	f.Add([]byte{1, 2, 3}, AppendCharge(nil, &charges[0]))
	f.Fuzz(func(t *testing.T, journal, charge []byte) {
		for rest := journal; ; {
			rec, next, err := ReadRecord(rest)
			if err != nil {
				require.True(t, errors.Is(err, io.EOF) && len(rest) == 0 || errors.Is(err, ErrTorn) || errors.Is(err, ErrRecord))
				break
			}
			require.Less(t, len(next), len(rest))
			again, more, err := ReadRecord(AppendRecord(nil, &rec))
			require.NoError(t, err)
			require.Empty(t, more)
			require.Equal(t, rec, again)
			rest = next
		}
		c, err := DecodeCharge(charge)
		if err != nil {
			require.ErrorIs(t, err, ErrRecord)
			return
		}
		again, err := DecodeCharge(AppendCharge(nil, &c))
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}

// The memory of ids is a map with a queue.
func FuzzMemory(f *testing.F) {
	f.Add([]byte("remember me, remember me not, and forget the oldest"), uint8(9))
	f.Fuzz(func(t *testing.T, data []byte, limit uint8) {
		var m memory[int]
		known, queue := map[ID]int{}, []ID(nil)
		most := int(limit)%40 + 1
		for i, b := range data {
			id := actionID(int(b))
			if b%5 == 0 {
				id = ID{15: b} // ids that want the same place
			}
			if v := m.get(&id); v != nil {
				require.Equal(t, known[id], *v)
				continue
			}
			require.NotContains(t, known, id)
			for len(queue) >= most {
				delete(known, queue[0])
				queue = queue[1:]
			}
			m.makeRoom(int64(i), 1<<40, most)
			m.put(id, int64(i), i, most)
			known[id], queue = i, append(queue, id)
			require.LessOrEqual(t, len(m.ring), max(most, 1))
		}
		all := m.all()
		require.Len(t, all, len(queue))
		for i, id := range queue {
			require.Equal(t, id, all[i].id)
			require.NotNil(t, m.get(&id))
		}
	})
}
