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
