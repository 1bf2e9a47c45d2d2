package roles

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

// writtenBy says who may insert into a table. A table that is not here nobody may
// write: say who does, and grant it in the file of the role.
var writtenBy = map[string]string{
	"schema_migrations":    "migration",
	"control_catalogue":    "migration",
	"agents":               "migration", // whose materialized view fills it
	"actions":              "writer",
	"attributions":         "writer",
	"finding_events":       "operator writer",
	"config_versions":      "writer",
	"delegations":          "writer",
	"runs":                 "writer",
	"chains":               "writer",
	"content":              "writer",
	"prices":               "writer",
	"ledger_batches":       "operator retention writer",
	"ledger_checkpoints":   "operator retention writer",
	"ledger_verifications": "auditor",
	"evidence_runs":        "auditor",
	"legal_holds":          "retention",
	"retention_events":     "retention",
	"access_log":           "", // by the server's administrator, where it is used
	// In a cluster who verifies writes by the reading table.
	"ledger_verifications_all": "auditor",
	"evidence_runs_all":        "auditor",
}

// grants are privileges by role and object.
type grants map[string]map[string]map[string]bool

var grantForm = regexp.MustCompile("^GRANT(?: ON CLUSTER `main`)? (.+) ON (\\S+) TO `audit_(\\w+)`$")

// read takes the statements apart; a * at the end stands for every object that begins
// so.
func read(t *testing.T, opts audit.Options) grants {
	t.Helper()
	statements, err := Statements(opts)
	require.NoError(t, err)
	g := grants{}
	for _, s := range statements {
		assert.NotContains(t, s.SQL, "{")
		assert.Equal(t, opts.Cluster != "", strings.Contains(s.SQL, "ON CLUSTER"), s.SQL)
		if strings.HasPrefix(s.SQL, "CREATE ROLE IF NOT EXISTS `audit_"+s.Role+"`") {
			g[s.Role] = map[string]map[string]bool{}
			continue
		}
		m := grantForm.FindStringSubmatch(s.SQL)
		require.NotNil(t, m, s.SQL)
		require.Equal(t, s.Role, m[3], "a file is about its own role")
		object := strings.TrimPrefix(m[2], "`audit`.")
		if g[s.Role][object] == nil {
			g[s.Role][object] = map[string]bool{}
		}
		for _, p := range privileges(m[1]) {
			g[s.Role][object][p] = true
		}
	}
	return g
}

// privileges parts a list by its commas that are not in brackets.
func privileges(list string) []string {
	var out []string
	depth, start := 0, 0
	for i, c := range list {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			out = append(out, strings.TrimSpace(list[start:i]))
			start = i + 1
		}
	}
	return append(out, strings.TrimSpace(list[start:]))
}

// of are the privileges that a role has on an object.
func (g grants) of(role, object string) map[string]bool {
	have := map[string]bool{}
	for pattern, p := range g[role] {
		prefix, wild := strings.CutSuffix(pattern, "*")
		if pattern == object || wild && strings.HasPrefix(object, prefix) && pattern != "*.*" {
			maps.Copy(have, p)
		}
	}
	return have
}

// Every table and view of the schema, and what each role may do with it.
func TestWhoMayWhat(t *testing.T) {
	kept := map[string]bool{}
	for _, k := range audit.KeptTables() {
		kept[k.Name] = true
	}
	const contentColumns = "SELECT(tenant_id, digest, ts, role, media_type, body_bytes)"
	for _, opts := range []audit.Options{{Database: "audit"}, {Database: "audit", Cluster: "main"}} {
		g := read(t, opts)
		require.ElementsMatch(t, Names(), slices.Collect(maps.Keys(g)))
		objects, err := audit.Objects(opts)
		require.NoError(t, err)
		known := map[string]bool{"*": true, "*.*": true, "ev_*": true, "row_hashes_*": true, "system.mutations": true, "system.query_log": true}
		for _, o := range objects {
			known[o.Name] = true
			writers, listed := writtenBy[o.Name]
			assert.True(t, listed || o.View || o.Distributed, "table %s is new: say in writtenBy who writes it, and in the files of the roles who writes and reads it", o.Name)
			var inserting []string
			for _, role := range Names() {
				have := g.of(role, o.Name)
				if have["INSERT"] {
					inserting = append(inserting, role)
				}
				base := strings.TrimSuffix(o.Name, "_all")
				assert.Equal(t, role == "retention" && (kept[o.Name] || o.Name == "content"), have["ALTER DELETE"], "who deletes rows of %s: %s", o.Name, role)
				assert.Equal(t, role == "retention" && o.Name == "content", have["ALTER TTL"], "who lets %s expire: %s", o.Name, role)
				for p := range have {
					assert.Contains(t, []string{
						"SELECT", "INSERT", "ALTER DELETE", "ALTER TTL", contentColumns, "SELECT(tenant_id, digest, ts)",
						"CREATE DATABASE", "CREATE TABLE", "CREATE VIEW", "DROP VIEW", "SHOW", "ALTER ADD COLUMN", "ALTER MODIFY COLUMN", "ALTER ADD INDEX",
					}, p, "%s on %s", role, o.Name)
				}
				if base == "content" {
					assert.False(t, have["SELECT"], "nobody reads what was said, %s", role)
					assert.Equal(t, role == "auditor" || role == "migration", have[contentColumns], role)
				}
			}
			slices.Sort(inserting)
			assert.Equal(t, writers, strings.Join(inserting, " "), "who writes %s", o.Name)
			if strings.TrimSuffix(o.Name, "_all") != "content" {
				assert.True(t, g.of("auditor", o.Name)["SELECT"], "the auditor reads %s: grant it in auditor.sql", o.Name)
			}
			if !o.View {
				assert.False(t, strings.HasPrefix(o.Name, "ev_") || strings.HasPrefix(o.Name, "row_hashes_"), "%s is a table, and grants on views would cover it", o.Name)
			}
			if o.Distributed {
				assert.False(t, g.of("writer", o.Name)["INSERT"], "collectors write to local tables")
			}
		}
		for role, have := range g {
			for object := range have {
				assert.True(t, known[object], "%s has something on %s, which is not in the schema", role, object)
			}
			assert.Equal(t, role == "migration", g.of(role, "anything")["CREATE TABLE"], role)
		}
	}
}

// The migration may do what the steps do.
func TestStepsAreAllowed(t *testing.T) {
	g := read(t, audit.Options{Database: "audit"})
	steps, err := audit.Steps(audit.Options{Database: "audit"})
	require.NoError(t, err)
	verb := regexp.MustCompile(`(?m)^\s*(ADD|MODIFY|DROP|REMOVE|RENAME|CLEAR|MATERIALIZE) ([A-Z]+)`)
	for _, s := range steps {
		if strings.HasPrefix(s.SQL, "ALTER") {
			found := verb.FindAllStringSubmatch(s.SQL, -1)
			require.NotEmpty(t, found, s.Name)
			for _, m := range found {
				assert.True(t, g.of("migration", "x")["ALTER "+m[1]+" "+m[2]], "%s needs ALTER %s %s, see migration.sql", s.Name, m[1], m[2])
			}
		}
		if target, ok := strings.CutPrefix(s.SQL, "INSERT INTO `audit`."); ok {
			name, _, _ := strings.Cut(strings.NewReplacer("\n", " ", "(", " ").Replace(target), " ")
			assert.True(t, g.of("migration", name)["INSERT"], "%s needs INSERT on %s, see migration.sql", s.Name, name)
		}
	}
}

// No file gives one role to another, or lets anybody pass on what they have.
func TestNobodyPassesOn(t *testing.T) {
	statements, err := Statements(audit.Options{Cluster: "main"})
	require.NoError(t, err)
	for _, s := range statements {
		assert.NotContains(t, strings.ToUpper(s.SQL), "OPTION", s.SQL)
		assert.NotContains(t, strings.ToUpper(s.SQL), " ALL ", s.SQL)
	}
	_, err = Statements(audit.Options{Database: "a b"})
	require.ErrorContains(t, err, `"a b"`)
}

// The store's own parser takes every statement; the embedded engine keeps no roles and
// says so.
func TestOnTheStore(t *testing.T) {
	opts, err := audit.ParseDSN(storetest.Start(t).Database(t))
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	for _, o := range []audit.Options{{}, {Cluster: "main"}} {
		statements, err := Statements(o)
		require.NoError(t, err)
		for _, s := range statements {
			var formatted string
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT formatQuerySingleLine("+fmt.Sprintf("unhex('%x')", s.SQL)+")").Scan(&formatted), s.SQL)
			assert.Equal(t, strings.HasPrefix(s.SQL, "GRANT"), strings.HasPrefix(formatted, "GRANT"), formatted)
		}
	}
	assert.Equal(t, []string{"users_xml"}, directories(t.Context(), conn))
	n, err := Apply(t.Context(), conn, audit.Options{Database: opts.Auth.Database})
	require.ErrorIs(t, err, ErrNoAccess)
	assert.Zero(t, n)
	assert.ErrorContains(t, err, "CREATE ROLE IF NOT EXISTS `"+opts.Auth.Database+"_writer`")
}

func TestWhatIsMissing(t *testing.T) {
	other := errors.New("no network")
	for name, c := range map[string]struct {
		err  error
		have []string
		want error
	}{
		"no storage":             {&clickhouse.Exception{Code: noAccessStorage}, nil, ErrNoAccess},
		"read-only storage":      {&clickhouse.Exception{Code: readonlyAccess}, []string{"users_xml", "local_directory"}, ErrNoAccess},
		"the embedded engine":    {&clickhouse.Exception{Code: accessDenied}, []string{"users_xml"}, ErrNoAccess},
		"a user without rights":  {&clickhouse.Exception{Code: accessDenied}, []string{"users_xml", "local_directory"}, ErrDenied},
		"a server that is quiet": {&clickhouse.Exception{Code: accessDenied}, nil, ErrDenied},
		"something else":         {other, nil, other},
	} {
		assert.ErrorIs(t, explain(c.err, c.have), c.want, name)
	}
}
