package policy

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

// FuzzLoad: whatever a file holds, Load gives a registry or faults with places,
// never both; what it gives is the same every time, hashes valid JSON, and judges
// every agent's action by the rules that hold for all registries.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(pair))
	f.Add([]byte(identities))
	f.Add([]byte(suspicious))
	for _, file := range readDir(f, "testdata/bad/*.yaml") {
		f.Add(file.Data)
	}
	for seed := range uint64(8) {
		g := newGen(seed)
		f.Add(g.rules(true).text(g.head()))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file := File{"f.yaml", data}
		r, err := Load([]File{file})
		if (r == nil) == (err == nil) {
			t.Fatalf("registry %v, error %v", r, err)
		}
		if err != nil {
			var place *LoadError
			if !errors.As(err, &place) || place.File == "" {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		again, err := Load([]File{file})
		if err != nil || again.Version() != r.Version() || len(again.Diff(r)) != 0 {
			t.Fatalf("loaded again: %v, %s, %s", err, r.Version(), again.Version())
		}
		if !json.Valid(canonicalJSON(nil, r.resolved())) {
			t.Fatal("the canonical form is no JSON")
		}
		g := newGen(uint64(len(data)))
		for _, a := range r.Agents() {
			for range 3 {
				out := judge(a, g.request())
				assert.Equal(t, out.Verdict == Respected, out.Effect == Allow)
				assert.Equal(t, out.Verdict == NotEvaluated, out.Verdict != Unregistered && out.Missing != 0 && out.Finding == "")
			}
		}
	})
}
