package clickhouseauditexporter

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func bytesOf(t *testing.T, td ptrace.Traces) string {
	t.Helper()
	var marshal ptrace.ProtoMarshaler
	raw, err := marshal.MarshalTraces(td)
	require.NoError(t, err)
	return string(raw)
}

// What is read back is what was written: by the process that wrote it as it was in
// memory while there is room, else and by another process from the bytes.
func TestTheQueueGivesBackWhatItTook(t *testing.T) {
	mine, other := newCodec(), newCodec()
	mine.room = 10_000
	items, sent := make([][]byte, 0, 60), make([]*request, 0, 60)
	for i := range cap(items) {
		r := batchOf(spans(20 + i)).request
		item, err := mine.Marshal(t.Context(), r)
		require.NoError(t, err)
		items, sent = append(items, item), append(sent, r)
	}
	assert.LessOrEqual(t, mine.size, mine.room)
	assert.Less(t, len(mine.live), len(items), "more than fits")
	same := 0
	for i, item := range items {
		_, read, err := mine.Unmarshal(item)
		require.NoError(t, err)
		if read == sent[i] {
			same++
		}
		_, again, err := other.Unmarshal(item)
		require.NoError(t, err)
		for _, r := range []any{read, again} {
			require.Equal(t, bytesOf(t, sent[i].parts[0]), bytesOf(t, r.(*request).parts[0]))
		}
	}
	assert.Positive(t, same)
	assert.Less(t, same, len(items))
	assert.Zero(t, mine.size, "nothing is kept of what was read")
	assert.Empty(t, mine.live)
}

func TestAnItemOfAnotherQueueIsRefused(t *testing.T) {
	item, err := newCodec().Marshal(t.Context(), batchOf(spans(3)).request)
	require.NoError(t, err)
	for _, bad := range [][]byte{nil, []byte("x"), item[:itemHead-1], item[:len(item)-1], append([]byte("XXXX"), item[4:]...)} {
		_, _, err := newCodec().Unmarshal(bad)
		require.ErrorIs(t, err, errItem)
	}
}

func FuzzItem(f *testing.F) {
	item, err := newCodec().Marshal(f.Context(), batchOf(spans(3)).request)
	require.NoError(f, err)
	f.Add(item)
	f.Fuzz(func(t *testing.T, item []byte) {
		_, r, err := newCodec().Unmarshal(item)
		if err != nil {
			require.ErrorIs(t, err, errItem)
			return
		}
		again, err := newCodec().Marshal(t.Context(), r)
		require.NoError(t, err)
		_, twice, err := newCodec().Unmarshal(again)
		require.NoError(t, err)
		require.Equal(t, bytesOf(t, r.(*request).parts[0]), bytesOf(t, twice.(*request).parts[0]))
	})
}

// However requests are merged and split, every span is in one of them, in order,
// and none is larger than asked for unless it is one span.
func TestRequestsAreMergedAndSplit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		one, other := batchOf(spans(1+r.IntN(40))).request, batchOf(spans(r.IntN(40))).request
		before := bytesOf(t, one.parts[0]) + bytesOf(t, other.parts[0])
		sizer, most := exporterhelper.RequestSizerTypeItems, r.IntN(30)
		if r.IntN(2) == 0 {
			sizer, most = exporterhelper.RequestSizerTypeBytes, r.IntN(3000)
		}
		out, err := one.MergeSplit(t.Context(), most, sizer, other)
		require.NoError(t, err)
		total := 0
		for _, part := range out {
			total += part.ItemsCount()
			size := part.ItemsCount()
			if sizer == exporterhelper.RequestSizerTypeBytes {
				size = part.BytesSize()
			}
			if most > 0 && part.ItemsCount() > 1 {
				assert.LessOrEqual(t, size, most)
			}
		}
		assert.Equal(t, one.ItemsCount()+other.ItemsCount(), total)
		assert.Equal(t, before, bytesOf(t, one.parts[0])+bytesOf(t, other.parts[0]), "and nothing is changed")
	}
}
