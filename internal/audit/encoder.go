package audit

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/vocabulary"
)

// Stats say what an encoding did.
type Stats struct {
	Actions, Attributions, Contents int
	Findings, ConfigVersions        int
	Edges, Runs, Chains, Prices     int
	Settled                         int // settle spans, which are no actions
	Refused                         int // records that make no row
	Truncated                       int // attribute values, links and events cut or left out
	Clamped                         int // rows whose times could not be
}

// Encoder turns spans into inserts. It is reusable; it is not safe for
// concurrent use.
type Encoder struct {
	// Refuse is told of records that make no row. It may be nil.
	Refuse func(*RefusedSpan)

	opts    genai.Options
	content Content
	scribe

	batch        genai.Batch
	actions      *block[Row]
	attributions *block[AttributionRow]
	contents     *block[ContentRow]
	records      records
	row          Row
	attrs        []Attr
	resource     []Attr
	resourceCut  uint32
	refs         []Attr
	evidence     evidence
	classes      *vocabulary.Memo[class]
	stats        Stats
}

// NewEncoder returns an encoder with no rows.
func NewEncoder(limits Limits, content Content) *Encoder {
	return &Encoder{
		scribe: scribe{limits: limits.withDefaults()}, content: content,
		actions: newActions(), attributions: newAttributions(), contents: newContents(), records: newRecords(),
		classes: vocabulary.New(classify),
	}
}

// SealFor makes all rows that are encoded from now on those of a writer's log. An
// insert's token then covers when it was observed, too.
func (e *Encoder) SealFor(w Writer) {
	e.actions.seals.writer, e.attributions.seals.writer = w, w
	e.records.edges.seals.writer, e.records.runs.seals.writer, e.records.chains.seals.writer = w, w, w
}

// Encode reads td, which it never changes, and calls emit for every insert that
// is to be made, in order: actions before their corrections, then what is known
// of delegation, content last. An Encoded is valid until emit returns. Equal
// spans give equal tokens, whenever they were observed. An error of emit ends the
// encoding and is returned.
func (e *Encoder) Encode(td ptrace.Traces, observed time.Time, emit func(*Encoded) error) (Stats, error) {
	return e.EncodeAll([]ptrace.Traces{td}, observed, emit)
}

// EncodeAll reads several as if they were one.
func (e *Encoder) EncodeAll(tds []ptrace.Traces, observed time.Time, emit func(*Encoded) error) (Stats, error) {
	e.reset()
	for _, td := range tds {
		e.batch.Decode(td, &e.opts)
		if err := e.addAll(observed.UnixNano(), emit); err != nil {
			return e.stats, err
		}
	}
	return e.stats, e.flush(emit)
}

// addAll makes rows of the decoded batch. A block that is full is emitted.
func (e *Encoder) addAll(now int64, emit func(*Encoded) error) error {
	var last pcommon.Resource
	for i := range e.batch.Items {
		it := &e.batch.Items[i]
		if i == 0 || it.Resource != last {
			last = it.Resource
			e.readResource(last.Attributes())
		}
		e.add(it, now)
		if e.actions.rows == e.limits.BlockRows {
			if err := flush(e.actions, emit); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush emits what is left.
func (e *Encoder) flush(emit func(*Encoded) error) error {
	if err := flush(e.actions, emit); err != nil {
		return err
	}
	if err := flush(e.attributions, emit); err != nil {
		return err
	}
	if err := e.records.flush(emit); err != nil {
		return err
	}
	return flush(e.contents, emit)
}

func flush[R any](b *block[R], emit func(*Encoded) error) error {
	if b.rows == 0 {
		return nil
	}
	enc, err := b.finish()
	if err != nil {
		return err
	}
	err = emit(enc)
	b.reset()
	return err
}

func (e *Encoder) reset() {
	e.actions.reset()
	e.attributions.reset()
	e.contents.reset()
	e.records.reset()
	e.arena, e.stats = e.arena[:0], Stats{}
}
