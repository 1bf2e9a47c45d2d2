package genaiprocessor

import (
	"encoding/hex"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/genai"
)

// route writes by what a gateway sends each span on, and returns how many actions
// have no session: they go by their trace, so that another collector may get them
// than their session, should it become known later.
func route(batch *genai.Batch) (unrouted int64) {
	for i := range batch.Items {
		it := &batch.Items[i]
		key := it.Action.Session
		if key == "" {
			trace := it.Span.TraceID()
			key = hex.EncodeToString(trace[:])
			if it.Action.Kind != genai.KindOther {
				unrouted++
			}
		}
		it.Span.Attributes().PutStr(attr.RoutingKey, key)
	}
	return unrouted
}
