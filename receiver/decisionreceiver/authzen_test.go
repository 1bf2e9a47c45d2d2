package decisionreceiver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/consumer/consumertest"

	"github.com/spanwarden/spanwarden/test/authzen/runner"
)

// selfSigned writes a certificate for this machine.
func selfSigned(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(cert, certPEM, 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	pool = x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(certPEM))
	return cert, key, pool
}

// fixture is the registry and the directory of a suite, as files.
func fixture(t *testing.T, s *runner.Suite) (registry, directory string) {
	t.Helper()
	docs := make([]string, 0, len(s.Fixture.Registry))
	for _, d := range s.Fixture.Registry {
		docs = append(docs, string(d)) // JSON is YAML
	}
	entities, err := json.Marshal(map[string]any{"subjects": s.Fixture.Subjects, "resources": s.Fixture.Resources})
	require.NoError(t, err)
	directory = filepath.Join(t.TempDir(), "directory.yaml")
	require.NoError(t, os.WriteFile(directory, entities, 0o600))
	return strings.Join(docs, "\n---\n"), directory
}

// The published scenario and what we add to it, over TLS as it asks.
func TestAuthZENVectors(t *testing.T) {
	raw, err := os.ReadFile("../../test/authzen/testdata/authzen.json")
	require.NoError(t, err)
	suite, err := runner.Parse(raw)
	require.NoError(t, err)
	cert, key, pool := selfSigned(t)
	registry, directory := fixture(t, suite)
	r := startWith(t, registry, consumertest.NewNop(), func(c *Config) {
		c.HTTP.TLS = configoptional.Some(configtls.ServerConfig{Config: configtls.Config{CertFile: cert, KeyFile: key}})
		c.AuthZEN.Directory, c.AuthZEN.Tenants = directory, []string{"tenant1"}
	})
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	run := &runner.Runner{Base: "https://" + r.address, Client: &http.Client{Transport: transport}}
	passed := 0
	for _, res := range run.Run(t.Context(), suite) {
		switch res.Outcome {
		case runner.Passed:
			passed++
		case runner.Skipped:
			t.Errorf("%s was skipped: %v", res.Vector.ID, res.Notes)
		case runner.Failed:
			t.Errorf("%s %s: %s", res.Vector.ID, res.Vector.Name, strings.Join(res.Notes, "; "))
		}
	}
	assert.Equal(t, len(suite.Vectors), passed)
}
