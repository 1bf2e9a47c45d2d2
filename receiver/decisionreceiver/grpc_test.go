package decisionreceiver

import (
	"context"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/spanwarden/spanwarden/internal/decision/extauthz"
)

// envoyRequest is a CheckRequest as Envoy's own package writes it.
func envoyRequest(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/envoy/check_request.hex")
	require.NoError(t, err)
	raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	return raw
}

func TestEnvoyGRPC(t *testing.T) {
	r := startWith(t, bank, consumertest.NewNop(), func(c *Config) {
		open(c)
		c.GRPC.GetOrInsertDefault().NetAddr.Endpoint = "127.0.0.1:0"
		c.ExtAuthz.Servers = map[string]string{"mcp.bank.example": "bank"}
	})
	conn, err := grpc.NewClient(r.grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	check := func(raw []byte) ([]byte, error) {
		var out []byte
		err := conn.Invoke(context.Background(), "/"+extauthz.Service+"/"+extauthz.Method, &raw, &out)
		return out, err
	}
	raw := envoyRequest(t)
	got, err := check(raw)
	require.NoError(t, err)
	assert.EqualValues(t, 0, rpcCode(t, got))
	assert.Contains(t, string(got), decisionHeader)

	denied := strings.Replace(string(raw), `"amount":3`, `"amount":x`, 1) // a body that is no JSON
	got, err = check([]byte(denied))
	require.NoError(t, err)
	assert.EqualValues(t, 7, rpcCode(t, got))
	assert.Contains(t, string(got), `"reason":"`)

	_, err = check([]byte{0xff})
	assert.Equal(t, codes.InvalidArgument, status.Code(err))
	_, err = check(nil)
	assert.Equal(t, codes.InvalidArgument, status.Code(err))
}

// rpcCode is the code of a CheckResponse.
func rpcCode(t *testing.T, raw []byte) (code uint64) {
	t.Helper()
	num, _, n := protowire.ConsumeTag(raw)
	require.EqualValues(t, 1, num)
	inner, m := protowire.ConsumeBytes(raw[n:])
	require.Positive(t, m)
	if len(inner) > 0 {
		_, _, n = protowire.ConsumeTag(inner)
		code, _ = protowire.ConsumeVarint(inner[n:])
	}
	return code
}

func FuzzCheckRequest(f *testing.F) {
	text, err := os.ReadFile("testdata/envoy/check_request.hex")
	require.NoError(f, err)
	raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
	require.NoError(f, err)
	f.Add(raw)
	r := startWith(f, bank, consumertest.NewNop(), open)
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := r.grpcCheck(t.Context(), raw)
		if err != nil {
			assert.Equal(t, codes.InvalidArgument, status.Code(err))
			return
		}
		assert.Contains(t, []uint64{0, 7}, rpcCode(t, *got))
	})
}

// agentgateway's messages, made field by field.
func TestAgentgateway(t *testing.T) {
	r := startWith(t, bank, consumertest.NewNop(), func(c *Config) {
		open(c)
		c.GRPC.GetOrInsertDefault().NetAddr.Endpoint = "127.0.0.1:0"
	})
	conn, err := grpc.NewClient(r.grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	message := func(b []byte, num protowire.Number, v string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), v)
	}
	agent := message(message(nil, 1, "agent"), 2, string(message(nil, 3, "teller")))
	metadata := string(message(nil, 1, string(agent)))
	request := func(method, params string, services ...string) []byte {
		var b []byte
		for _, s := range services {
			b = message(b, 1, s)
		}
		b = message(message(b, 2, method), 3, metadata)
		if params != "" {
			b = message(b, 4, params)
		}
		return b
	}
	for name, c := range map[string]struct {
		raw  []byte
		want string // "" passes
	}{
		"a small payment":           {request("tools/call", `{"name":"transfer","arguments":{"amount":5}}`, "bank"), ""},
		"a large one":               {request("tools/call", `{"name":"transfer","arguments":{"amount":5000}}`, "bank"), "approval_required"},
		"arguments of an older one": {request("tools/call", "\x0a\x03abc", "bank"), "not_evaluable"},
		"a tool nobody allowed":     {request("tools/call", `{"name":"rm"}`, "bank"), "tool_not_allowed"},
		"a list":                    {request("tools/list", "", "bank", "other"), "tool_not_allowed"},
		"a ping":                    {request("ping", "", "bank"), ""},
		"a notification":            {request("notifications/progress", "", "bank"), ""},
		"nothing":                   {nil, "no McpRequest"},
	} {
		t.Run(name, func(t *testing.T) {
			var out []byte
			require.NoError(t, conn.Invoke(t.Context(), "/"+extauthz.MCPService+"/"+extauthz.MCPRequest, &c.raw, &out))
			if c.want == "" {
				assert.Equal(t, []byte{0x0a, 0}, out)
			} else {
				assert.Equal(t, byte(0x1a), out[0], "an error")
				assert.Contains(t, string(out), c.want)
			}
		})
	}
	var in, out []byte
	require.NoError(t, conn.Invoke(t.Context(), "/"+extauthz.MCPService+"/"+extauthz.MCPResponse, &in, &out))
	assert.Equal(t, []byte{0x0a, 0}, out)
}
