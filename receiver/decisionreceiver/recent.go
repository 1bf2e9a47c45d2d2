package decisionreceiver

import "sync"

// sealedRecord is a record as it was stored.
type sealedRecord struct {
	id  string
	raw []byte
}

// recent keeps the last records for GET /v1/decisions/{id}; the audit store has
// the others.
type recent struct {
	mu    sync.Mutex
	limit int
	byID  map[string][]byte
	order []string
	head  int
	gone  int64
}

func newRecent(limit int) *recent { return &recent{limit: limit, byID: map[string][]byte{}} }

func (r *recent) add(records []sealedRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range records {
		if len(r.order) < r.limit {
			r.order = append(r.order, rec.id)
		} else {
			delete(r.byID, r.order[r.head])
			r.gone++
			r.order[r.head] = rec.id
			r.head = (r.head + 1) % r.limit
		}
		r.byID[rec.id] = rec.raw
	}
}

func (r *recent) get(id string) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	raw, ok := r.byID[id]
	return raw, ok
}

func (r *recent) forgotten() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone
}
