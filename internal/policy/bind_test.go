package policy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const identities = `
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: one}
spec:
  owner: "user:x@acme.example"
  agent:
    id: one
    versions: [">=2.3 <3", "1.0.0"]
    match:
      - {spiffe: "spiffe://acme.example/one"}
      - {oauth_client_id: one}
      - {k8s: {namespace: finance, serviceAccount: one}}
      - {subject: "agent:one"}
      - {attr: {gen_ai.agent.name: shared}}
---
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: two}
spec:
  owner: "user:x@acme.example"
  agent:
    id: two
    match:
      - {attr: {gen_ai.agent.name: shared, service.name: billing}}
      - {attr: {service.name: batch}}
`

func attrs(kv ...string) func(string) (string, bool) {
	return func(key string) (string, bool) {
		for i := 0; i < len(kv); i += 2 {
			if kv[i] == key {
				return kv[i+1], true
			}
		}
		return "", false
	}
}

func TestBind(t *testing.T) {
	r, err := Load([]File{{"identities.yaml", []byte(identities)}})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		id                      Identity
		agent, grade, by, other string
	}{
		"spiffe":                       {Identity{SPIFFE: "spiffe://acme.example/one", Version: "2.3"}, "one", GradeVerified, "spiffe", ""},
		"oauth":                        {Identity{OAuthClientID: "one", Version: "2.9.9"}, "one", GradeVerified, "oauth_client_id", ""},
		"k8s":                          {Identity{Namespace: "finance", ServiceAccount: "one", Version: "1.0"}, "one", GradePlatform, "k8s", ""},
		"k8s of another name space":    {Identity{Namespace: "other", ServiceAccount: "one", Version: "1.0"}, "", "", "", ""},
		"subject":                      {Identity{Subject: "agent:one", Version: "v2.4.0"}, "one", GradeDeclared, "subject", ""},
		"attribute":                    {Identity{Attr: attrs("gen_ai.agent.name", "shared"), Version: "2.5"}, "one", GradeDeclared, "attr", ""},
		"the match with more of them":  {Identity{Attr: attrs("gen_ai.agent.name", "shared", "service.name", "billing"), Version: "2.5"}, "two", GradeDeclared, "attr", ""},
		"the more telling attribute":   {Identity{Attr: attrs("gen_ai.agent.name", "shared", "service.name", "batch"), Version: "2.5"}, "one", GradeDeclared, "attr", ""},
		"another attribute":            {Identity{Attr: attrs("service.name", "batch")}, "two", GradeDeclared, "attr", ""},
		"the platform against a claim": {Identity{Namespace: "finance", ServiceAccount: "one", Version: "2.5", Attr: attrs("service.name", "batch")}, "one", GradePlatform, "k8s", "two"},
		"a version out of range":       {Identity{SPIFFE: "spiffe://acme.example/one", Version: "3.0.0"}, "", "", "", ""},
		"a version before the range":   {Identity{SPIFFE: "spiffe://acme.example/one", Version: "2.3.0-rc.1"}, "", "", "", ""},
		"nobody":                       {Identity{Subject: "agent:nobody", Attr: attrs("gen_ai.agent.name", "x")}, "", "", "", ""},
		"nothing":                      {Identity{}, "", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b, ok := r.Bind(&c.id)
			require.Equal(t, c.agent != "", ok)
			if !ok {
				return
			}
			assert.Equal(t, c.agent, b.Agent.ID())
			assert.Equal(t, c.grade, b.Grade)
			assert.Equal(t, c.by, b.By)
			if c.other == "" {
				assert.Nil(t, b.Other)
			} else {
				assert.Equal(t, c.other, b.Other.ID())
			}
		})
	}
	b, ok := r.Bind(&Identity{Subject: "agent:one"})
	require.True(t, ok)
	assert.True(t, b.VersionUnknown)
}

func TestVersions(t *testing.T) {
	for text, values := range map[string]struct{ yes, no []string }{
		">=2.3 <3":      {[]string{"2.3", "2.3.0", "2.99.1", "v2.3.1", "2.3.1+build"}, []string{"2.2.9", "3", "3.0.0", "2.3.0-rc.1"}},
		"1.2.3":         {[]string{"1.2.3", "1.2.3+x"}, []string{"1.2.4", "1.2.3-a"}},
		">1, !=1.5":     {[]string{"1.4", "2"}, []string{"1", "1.5.0"}},
		">=1.0.0-rc.2":  {[]string{"1.0.0-rc.10", "1.0.0"}, []string{"1.0.0-rc.1", "1.0.0-beta"}},
		"<=10":          {[]string{"9", "10.0"}, []string{"10.0.1"}},
		"==2026.11.25":  {[]string{"2026.11.25"}, []string{"2026.11.24"}},
		">=1.0.0-alpha": {[]string{"1.0.0-alpha.1"}, []string{"1.0.0-1"}},
	} {
		r, err := parseVersionRange(text)
		require.NoError(t, err, text)
		for _, v := range values.yes {
			assert.True(t, r.holds(splitVersion(v)), "%s in %s", v, text)
		}
		for _, v := range values.no {
			assert.False(t, r.holds(splitVersion(v)), "%s in %s", v, text)
		}
	}
	for _, bad := range []string{"", "~2", ">= 2", "=>2", "latest", ">=2 || <1"} {
		_, err := parseVersionRange(bad)
		assert.Error(t, err, bad)
	}
}
