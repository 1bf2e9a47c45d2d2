package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDecide(t *testing.T) {
	var asked []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked, _ = io.ReadAll(req.Body)
		_, _ = io.WriteString(w, `{"decision":false,"context":{"evaluation_id":"01X","reason":"tool_not_allowed","spanwarden":{"effect":"deny"}}}`)
	}))
	defer server.Close()
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		cmd := newDecideCommand()
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		cmd.SetOut(&out)
		cmd.SetArgs(append(args, "--collector", server.URL, "--agent", "support"))
		err := cmd.Execute()
		return out.String(), err
	}
	out, err := run("delete_customer", "--principal", "user:alice", "--args", `{"customer_id":"42"}`)
	require.ErrorIs(t, err, errNotAllowed)
	assert.Equal(t, "deny  reason tool_not_allowed  decision 01X\n", out)
	assert.JSONEq(t, `{"subject":{"type":"user","id":"alice"},"action":{"name":"tools/call","properties":{"arguments":{"customer_id":"42"}}},
		"resource":{"type":"tool","id":"delete_customer"},"context":{"agent":"support"}}`, string(asked))
	_, err = run("x", "--principal", "alice")
	require.ErrorContains(t, err, "type:id")
	_, err = run("x", "--args", "[]")
	require.ErrorContains(t, err, "--args")
}
