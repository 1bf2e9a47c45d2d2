package spanwarden

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMay(t *testing.T) {
	for name, c := range map[string]struct {
		code   int
		answer string
		want   Decision
		fails  string
	}{
		"allowed":            {200, `{"decision":true,"context":{"evaluation_id":"01X","spanwarden":{"effect":"allow","rule":"r"}}}`, Decision{Allowed: true, ID: "01X", Effect: "allow", Rule: "r"}, ""},
		"denied":             {200, `{"decision":false,"context":{"reason":"tool_not_allowed"}}`, Decision{Reason: "tool_not_allowed"}, ""},
		"halted":             {200, `{"decision":false,"context":{"obligations":[{"type":"session_termination","properties":{"subject":"bot"}}]}}`, Decision{Terminate: "bot"}, ""},
		"unknown obligation": {200, `{"decision":true,"context":{"obligations":[{"type":"step-up"}]}}`, Decision{}, ""},
		"no decision":        {200, `{}`, Decision{}, "there is none"},
		"an error":           {400, `subject: is missing`, Decision{}, "subject: is missing"},
		"no JSON":            {200, `<html>`, Decision{}, "reading"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				raw, err := io.ReadAll(req.Body)
				assert.NoError(t, err)
				assert.True(t, json.Valid(raw))
				assert.Equal(t, "Bearer t", req.Header.Get("Authorization"))
				w.WriteHeader(c.code)
				_, _ = w.Write([]byte(c.answer))
			}))
			defer server.Close()
			client := &Client{Base: server.URL + "/", Agent: "bot", Token: "t"}
			got, err := client.May(t.Context(), Action{Tool: "x", PrincipalType: "user", PrincipalID: "alice"})
			if c.fails != "" {
				require.ErrorContains(t, err, c.fails)
			} else {
				require.NoError(t, err)
			}
			assert.Equal(t, c.want, got)
		})
	}
	_, err := (&Client{Base: "http://127.0.0.1:1"}).May(t.Context(), Action{})
	require.Error(t, err)
}
