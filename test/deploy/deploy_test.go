// Package deploy holds what is under deploy/ against the types that it is made of.
// There is no cluster to run it on.
package deploy

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	clientscheme "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const root = "../.."

// objects builds the folder as kubectl does, and decodes it strictly.
func objects(t *testing.T) []runtime.Object {
	t.Helper()
	opts := krusty.MakeDefaultOptions()
	opts.LoadRestrictions = types.LoadRestrictionsNone
	built, err := krusty.MakeKustomizer(opts).Run(filesys.MakeFsOnDisk(), filepath.Join(root, "deploy/kubernetes"))
	require.NoError(t, err)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme} {
		clientscheme.Must(add(scheme))
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var all []runtime.Object
	for _, r := range built.Resources() {
		text, err := r.AsYAML()
		require.NoError(t, err)
		object, _, err := decoder.Decode(text, nil, nil)
		require.NoError(t, err, "%s", text)
		all = append(all, object)
	}
	return all
}

// TestKustomize: every object is one of its type, and what a pod names is there or
// is a secret that the README asks for.
func TestKustomize(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "deploy/kubernetes/README.md"))
	require.NoError(t, err)
	maps, services := map[string]map[string]string{}, map[string]*corev1.Service{}
	var sets []*appsv1.StatefulSet
	for _, o := range objects(t) {
		switch o := o.(type) {
		case *corev1.ConfigMap:
			maps[o.Name] = o.Data
		case *corev1.Service:
			services[o.Name] = o
		case *appsv1.StatefulSet:
			sets = append(sets, o)
		}
	}
	require.Len(t, sets, 2)
	for _, set := range sets {
		pod := set.Spec.Template.Spec
		assert.Contains(t, services, set.Spec.ServiceName)
		assert.Equal(t, corev1.ClusterIPNone, services[set.Spec.ServiceName].Spec.ClusterIP)
		for _, v := range pod.Volumes {
			if v.ConfigMap != nil {
				assert.Contains(t, maps, v.ConfigMap.Name, set.Name)
			}
			if v.Secret != nil {
				assert.Contains(t, string(readme), "`"+v.Secret.SecretName+"`")
			}
		}
		for _, c := range pod.Containers {
			require.NotNil(t, c.SecurityContext.ReadOnlyRootFilesystem)
			assert.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
			var shards string
			for _, from := range c.EnvFrom {
				require.Contains(t, maps, from.ConfigMapRef.Name)
				shards = maps[from.ConfigMapRef.Name]["SPANWARDEN_COLLECTORS"]
			}
			for _, e := range c.Env {
				if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
					assert.Contains(t, string(readme), "`"+e.ValueFrom.SecretKeyRef.Key+"`")
				}
			}
			// as many names as replicas, of the pods that there will be
			if set.Name == "spanwarden" {
				assert.Equal(t, int(*set.Spec.Replicas), strings.Count(shards, ":4317"))
				assert.Contains(t, shards, "spanwarden-0.spanwarden.spanwarden.svc:4317")
			}
		}
	}
}

// TestConfigurations: the built binaries take what the pods are given.
func TestConfigurations(t *testing.T) {
	env := append(os.Environ(), "POD_IP=127.0.0.1", "SPANWARDEN_STATE="+t.TempDir(),
		"SPANWARDEN_COLLECTORS=[spanwarden-0.spanwarden.spanwarden.svc:4317, spanwarden-1.spanwarden.spanwarden.svc:4317]",
		"SPANWARDEN_SELF=spanwarden-1.spanwarden.spanwarden.svc:4317", "SPANWARDEN_GATEWAY_INSECURE=false")
	for binary, files := range map[string][]string{
		"otelcol-spanwarden":         {"configs/spanwarden.yaml", "configs/shard.yaml", "deploy/kubernetes/config/collector.yaml"},
		"otelcol-spanwarden-gateway": {"configs/gateway.yaml", "deploy/kubernetes/config/gateway.yaml"},
	} {
		args := []string{"validate"}
		for _, f := range files {
			args = append(args, "--config", filepath.Join(root, f))
		}
		path := filepath.Join(root, "_build", binary)
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("%s is not built; run: make build build-gateway", binary)
		}
		cmd := exec.CommandContext(t.Context(), path, args...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

// TestClickHouse: the server's files are well formed.
func TestClickHouse(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "deploy/clickhouse/*.xml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		f, err := os.Open(file)
		require.NoError(t, err)
		d := xml.NewDecoder(f)
		for err == nil {
			_, err = d.Token()
		}
		assert.True(t, errors.Is(err, io.EOF), "%s: %v", file, err)
		require.NoError(t, f.Close())
	}
}
