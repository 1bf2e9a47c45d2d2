package authzen

import (
	"encoding/hex"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestQuestions holds translations against what they mean.
func TestQuestions(t *testing.T) {
	raw, err := os.ReadFile("testdata/questions.yaml")
	require.NoError(t, err)
	var cases []struct {
		Name, Server, Body string
		Want               map[string]any
	}
	require.NoError(t, yaml.Unmarshal(raw, &cases))
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			b, err := Parse([]byte(c.Body))
			require.NoError(t, err)
			e, err := b.Evaluation()
			require.NoError(t, err)
			q := e.Question(Options{Server: c.Server})
			got := map[string]any{
				"actor": q.Actor.Subject, "declared": q.Declared, "version": q.Actor.Version, "principal": q.Request.Principal.String(),
				"tool": q.Request.Tool, "operation": q.Request.Operation, "resource": q.Request.Resource, "model": q.Request.Model,
				"session": q.Request.Session, "call": q.CallID, "delegation": q.DelegationID, "project": q.Scopes.Project, "run": q.Scopes.Run,
				"ancestors": anys(q.Scopes.Ancestors), "context": anys(slices.Sorted(maps.Keys(q.Request.Context))), "data": anys(q.Request.Data),
				"trace": hex.EncodeToString(q.Trace[:]), "span": hex.EncodeToString(q.Span[:]), "unknownArgs": q.ArgsUnknown, "subjectType": q.Request.SubjectType,
			}
			for name, want := range c.Want {
				have, known := got[name]
				require.True(t, known, name)
				assert.Equal(t, want, have, name)
			}
		})
	}
}

func anys(in []string) []any {
	out := make([]any, 0, len(in))
	for _, s := range in {
		out = append(out, s)
	}
	return out
}

func TestDirectory(t *testing.T) {
	_, err := ParseDirectory("d.yaml", []byte("subjects:\n  - {type: user}\n  - {type: user, id: a}\n  - {type: user, id: a}\nresources:\n  - {id: x}\n"))
	require.ErrorContains(t, err, "d.yaml: subjects[0]: needs type and id")
	require.ErrorContains(t, err, `subjects[2]: user "a" is there already`)
	require.ErrorContains(t, err, "resources[0]")
	_, err = ParseDirectory("d.yaml", []byte("subject: []\n"))
	require.ErrorContains(t, err, "line 1")
	d, err := ParseDirectory("d.yaml", nil)
	require.NoError(t, err)
	assert.Empty(t, d.Candidates(Subjects, &Evaluation{}))
}

func TestPage(t *testing.T) {
	all := []any{1, 2, 3}
	for body, want := range map[string][]any{
		`{}`: {1, 2, 3}, `{"page":{}}`: {1, 2, 3}, `{"page":{"limit":2}}`: {1, 2}, `{"page":{"limit":2,"token":"2"}}`: {3},
		`{"page":{"token":"nonsense","limit":-1}}`: {1, 2, 3}, `{"page":{"token":"99"}}`: {}, `{"page":7}`: {1, 2, 3},
		`{"page":{"limit":9223372036854775807,"token":"1"}}`: {2, 3},
	} {
		b, err := Parse([]byte(body))
		require.NoError(t, err)
		got, info := b.Page().Cut(all)
		assert.Equal(t, want, got, body)
		if info != nil {
			assert.Equal(t, info.NextToken == "", len(got) == 0 || got[len(got)-1] == 3, body)
		}
	}
}

// FuzzParse: what is accepted can be translated, and a batch has as many items as
// were sent.
func FuzzParse(f *testing.F) {
	f.Add(`{"subject":{"type":"user","id":"a"},"action":{"name":"read"},"resource":{"type":"r","id":"1"},"context":{"agent":"b"}}`)
	f.Add(`{"evaluations":[{},{"subject":1}],"subject":{"type":"user","id":"a"},"options":{"evaluations_semantic":"deny_on_first_deny"}}`)
	f.Fuzz(func(t *testing.T, in string) {
		b, err := Parse([]byte(in))
		if err != nil {
			return
		}
		if e, err := b.Evaluation(); err == nil {
			q := e.Question(Options{})
			assert.NotEmpty(t, q.Declared)
			for _, name := range []string{"principal", "actor", "chain"} {
				assert.NotContains(t, q.Request.Context, name)
			}
		}
		items, _, err := b.Batch()
		if err != nil {
			return
		}
		list, _ := b.m["evaluations"].([]any)
		assert.Len(t, items, len(list))
		for _, it := range items {
			if it.Err == nil {
				assert.NotEmpty(t, it.Evaluation.Subject.ID, "an item without a fault is a whole question")
			}
		}
	})
}
