package dashboards

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestReadme(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, b := range boards(t) {
		assert.Contains(t, string(raw), "| `"+b.file+"` |")
	}
	for _, file := range []string{"datasources/spanwarden.yaml", "dashboards/spanwarden.yaml"} {
		assert.Contains(t, string(raw), "dashboards/provisioning/"+file)
	}
}

// What is provisioned is what the dashboards ask for.
func TestProvisioning(t *testing.T) {
	read := func(name string, into any) {
		raw, err := os.ReadFile(filepath.Join("provisioning", name))
		require.NoError(t, err)
		dec := yaml.NewDecoder(strings.NewReader(string(raw)))
		dec.KnownFields(true)
		require.NoError(t, dec.Decode(into), name)
	}
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name     string            `yaml:"name"`
			Type     string            `yaml:"type"`
			JSONData map[string]any    `yaml:"jsonData"`
			Secure   map[string]string `yaml:"secureJsonData"`
		} `yaml:"datasources"`
	}
	read("datasources/spanwarden.yaml", &sources)
	require.Len(t, sources.Datasources, 1)
	assert.Equal(t, plugin, sources.Datasources[0].Type)
	assert.Equal(t, "spanwarden", sources.Datasources[0].JSONData["defaultDatabase"], "the default of spanwarden store serve")
	assert.Equal(t, 8123, sources.Datasources[0].JSONData["port"])
	var providers struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name            string            `yaml:"name"`
			Folder          string            `yaml:"folder"`
			Type            string            `yaml:"type"`
			DisableDeletion bool              `yaml:"disableDeletion"`
			AllowUIUpdates  bool              `yaml:"allowUiUpdates"`
			Options         map[string]string `yaml:"options"`
		} `yaml:"providers"`
	}
	read("dashboards/spanwarden.yaml", &providers)
	require.Len(t, providers.Providers, 1)
	assert.Equal(t, 1, sources.APIVersion)
	assert.Equal(t, 1, providers.APIVersion)
}
