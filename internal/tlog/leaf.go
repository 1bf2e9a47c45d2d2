package tlog

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is a hash of the tree.
type Hash = tlog.Hash

// The kinds of leaves, and the keys that Detail has for each. Keys that may be
// missing are in brackets; a number ends keys of which there are several.
const (
	// Genesis begins a log: vkey (the public key), [build], [interval_ms] between
	// heartbeats, [retention] and [retention_days] (what is promised at least; 0 is for
	// ever), [expiry] "recorded" where rows go by no TTL, [role] "operator" where people
	// write it.
	Genesis = "genesis"
	// Batch is rows of one insert. Detail is empty.
	Batch = "batch"
	// Heartbeat means that the writer lives, and what it saw since the last leaf with
	// counters: [peer_N], the newest checkpoint of every other writer; of an operator's
	// log also by and command; of a collector's the account of what went through it,
	// with the keys that view heartbeats reads: life (which process), metrics (whether
	// the collector's own could be read), spans_* and records_* since the life began
	// (what is 0 is left out), queue_*, clock_*.
	Heartbeat = "heartbeat"
	// Recover means that the writer started again with its state: open (batches whose
	// fate is not known yet).
	Recover = "recover"
	// Stop means that the writer ended in order, and says what a heartbeat says.
	Stop = "stop"
	// Void means that something was taken and never will be in the store: reason,
	// [dead_letter] (the file that has it), [items] (spans or log records).
	// Reason not_stored is of a batch that was begun and never came to the store: table,
	// rows, digest; what was in it was delivered again as another, or given up.
	Void = "void"
	// RetentionDrop comes before a partition is dropped because its time is over: drop
	// (an id), table, partition, rows, unsealed, min_ts and max_ts (ns since 1970), policy,
	// policy_days, hold ("0"), by, [reason], and log_N "writer/epoch first last batches rows"
	// of every log that has rows in it (first and last are leaves). split_N "writer/epoch
	// seq rows digest" is what stays of a batch that has rows elsewhere, too.
	RetentionDrop = "retention_drop"
	// ConfigChange means that the writer goes on with other settings: those keys of
	// Genesis that are different from now on.
	ConfigChange = "config_change"
	// KeyRotation is the last leaf that the old key signs: vkey (the public key that
	// signs all that follow), old_vkey.
	KeyRotation = "key_rotation"
)

// KnownKind tells whether this program knows what a leaf of the kind says.
func KnownKind(kind string) bool {
	switch kind {
	case Genesis, Batch, Heartbeat, Recover, Stop, Void, RetentionDrop, ConfigChange, KeyRotation:
		return true
	}
	return false
}

// Leaf is one entry of a log. Fields that a kind does not use are zero.
type Leaf struct {
	Writer     string
	Epoch, Seq uint64
	Kind       string
	SealedAt   int64 // ms since 1970

	// Of a batch.
	Table        string
	Rows         uint32
	Digest       [32]byte // D
	HashVersion  uint8
	MinTS, MaxTS int64 // ns since 1970, of the rows

	// Counters are spans and log records since the leaf before that has counters.
	Counters Counters

	// Detail is what a kind has to say beside: keys of letters, digits and
	// underscores, any values.
	Detail map[string]string
}

// Counters are how many items a writer took and what became of them.
type Counters struct {
	Received uint64 // handed over by the pipelines
	Written  uint64 // made rows that the store acknowledged
	Filtered uint64 // make no row and need none
	Refused  uint64 // went to the dead-letter file
}

// Add adds o.
func (c *Counters) Add(o Counters) {
	c.Received += o.Received
	c.Written += o.Written
	c.Filtered += o.Filtered
	c.Refused += o.Refused
}

const leafHead = "spanwarden-leaf/v1"

// BatchID is how rows name their batch: the first half of D.
func (l *Leaf) BatchID() [16]byte { return [16]byte(l.Digest[:16]) }

// Text is the leaf as it is hashed: see README.md.
func (l *Leaf) Text() string {
	b := make([]byte, 0, 320)
	b = append(b, leafHead...)
	b = append(b, "\nwriter "+l.Writer...)
	b = strconv.AppendUint(append(b, "\nepoch "...), l.Epoch, 10)
	b = strconv.AppendUint(append(b, "\nseq "...), l.Seq, 10)
	b = append(b, "\nkind "+l.Kind...)
	b = strconv.AppendInt(append(b, "\nsealed_at "...), l.SealedAt, 10)
	b = append(b, "\ntable "+l.Table...)
	b = strconv.AppendUint(append(b, "\nrows "...), uint64(l.Rows), 10)
	b = append(b, "\ndigest "+strings.ToUpper(hex.EncodeToString(l.Digest[:]))...)
	b = strconv.AppendUint(append(b, "\nhash_v "...), uint64(l.HashVersion), 10)
	b = strconv.AppendInt(append(b, "\nmin_ts "...), l.MinTS, 10)
	b = strconv.AppendInt(append(b, "\nmax_ts "...), l.MaxTS, 10)
	b = strconv.AppendUint(append(b, "\nreceived "...), l.Counters.Received, 10)
	b = strconv.AppendUint(append(b, "\nwritten "...), l.Counters.Written, 10)
	b = strconv.AppendUint(append(b, "\nfiltered "...), l.Counters.Filtered, 10)
	b = strconv.AppendUint(append(b, "\nrefused "...), l.Counters.Refused, 10)
	for _, k := range slices.Sorted(maps.Keys(l.Detail)) {
		b = strconv.AppendQuoteToASCII(append(b, "\n."+k+" "...), l.Detail[k])
	}
	return string(append(b, '\n'))
}

// Hash is the leaf's hash in the tree.
func (l *Leaf) Hash() Hash { return HashOf(l.Text()) }

var errNotCanonical = errors.New("is not the canonical text of a leaf")

// ParseLeaf reads what Text wrote and takes nothing else.
func ParseLeaf(text string) (Leaf, error) {
	var l Leaf
	lines := strings.Split(text, "\n")
	if lines[0] != leafHead {
		return l, fmt.Errorf("line 1: want %q, not %q", leafHead, clip(lines[0]))
	}
	for i, line := range lines[1:] {
		if line == "" {
			continue
		}
		key, value, _ := strings.Cut(line, " ")
		if err := l.set(key, value); err != nil {
			return l, fmt.Errorf("line %d: %s: %w", i+2, clip(key), err)
		}
	}
	if l.Text() != text {
		return l, errNotCanonical
	}
	return l, nil
}

func (l *Leaf) set(key, value string) (err error) {
	number := func(bits int) uint64 {
		n, e := strconv.ParseUint(value, 10, bits)
		err = e
		return n
	}
	signed := func() int64 {
		n, e := strconv.ParseInt(value, 10, 64)
		err = e
		return n
	}
	if name, ok := strings.CutPrefix(key, "."); ok {
		text, err := strconv.Unquote(value)
		if l.Detail == nil {
			l.Detail = map[string]string{}
		}
		l.Detail[name] = text
		return err
	}
	switch key {
	case "writer":
		l.Writer = value
	case "kind":
		l.Kind = value
	case "table":
		l.Table = value
	case "epoch":
		l.Epoch = number(64)
	case "seq":
		l.Seq = number(64)
	case "sealed_at":
		l.SealedAt = signed()
	case "rows":
		l.Rows = uint32(number(32))
	case "hash_v":
		l.HashVersion = uint8(number(8))
	case "min_ts":
		l.MinTS = signed()
	case "max_ts":
		l.MaxTS = signed()
	case "received":
		l.Counters.Received = number(64)
	case "written":
		l.Counters.Written = number(64)
	case "filtered":
		l.Counters.Filtered = number(64)
	case "refused":
		l.Counters.Refused = number(64)
	case "digest":
		var d []byte
		if d, err = hex.DecodeString(value); err == nil && len(d) == len(l.Digest) {
			l.Digest = [32]byte(d)
		}
	default:
		return errNotCanonical
	}
	return err
}

func clip(s string) string { return s[:min(len(s), 80)] }
