package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const ownVectors = "../../internal/chain/testdata/own/codes.yaml"

func chainTest(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := newChainTestCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(args)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err := cmd.Execute()
	return out.String(), err
}

func TestChainTest(t *testing.T) {
	out, err := chainTest(t, "--orders", "2", ownVectors)
	require.NoError(t, err)
	assert.Equal(t, strings.Count(out, "\n"), strings.Count(out, "ok "), "a line a vector")

	data, err := os.ReadFile(ownVectors)
	require.NoError(t, err)
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	require.NoError(t, os.WriteFile(wrong, bytes.ReplaceAll(data, []byte("reasons: [revoked_authority]"), []byte("reasons: [cycle]")), 0o600))
	out, err = chainTest(t, "--orders", "0", wrong)
	require.ErrorIs(t, err, errVectors)
	assert.Contains(t, out, "FAIL  own01")
	assert.Contains(t, out, "missing action: {span: b3")
	assert.Contains(t, out, "unexpected action: {span: b3")

	broken := filepath.Join(t.TempDir(), "broken.yaml")
	require.NoError(t, os.WriteFile(broken, []byte("format: other\nvectors:\n  - {id: x, spans: [{ref: a, trace_id: zz, kind: SIDEWAYS, start: never}]}\n"), 0o600))
	_, err = chainTest(t, broken)
	for _, fault := range []string{"format", "neither expect nor steps", `"zz"`, "SIDEWAYS", "never"} {
		require.ErrorContains(t, err, fault, "all faults together")
	}
}
