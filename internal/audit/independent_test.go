package audit_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

const independent = "../../docs/independent/"

// formatFile is what the independent program is told of a format.
type formatFile struct {
	HashVersion uint8         `json:"hash_v"`
	Tables      []formatTable `json:"tables"`
}

type formatTable struct {
	Table  string      `json:"table"`
	Fields [][2]string `json:"fields"` // name and type
}

// The fields that an auditor is told are those that are hashed. A new format gets a
// file of its own: run with SPANWARDEN_UPDATE=1.
func TestFormatFiles(t *testing.T) {
	for version := uint8(1); version <= audit.HashVersion; version++ {
		want := formatFile{HashVersion: version}
		for _, table := range audit.SealedTables(version) {
			ft := formatTable{Table: table.Name}
			for _, f := range table.Fields {
				ft.Fields = append(ft.Fields, [2]string{f.Name, f.Type})
			}
			want.Tables = append(want.Tables, ft)
		}
		name := fmt.Sprintf("%sformat-%d.json", independent, version)
		if os.Getenv("SPANWARDEN_UPDATE") != "" {
			raw, err := json.MarshalIndent(want, "", " ")
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(name, append(raw, '\n'), 0o600))
		}
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		var got formatFile
		require.NoError(t, json.Unmarshal(raw, &got))
		assert.Equal(t, want, got, name)
	}
}

// runIndependent runs the program that shares no code with this one. Without Python
// the test is left out.
func runIndependent(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	cmd := exec.CommandContext(t.Context(), python, append([]string{"-B", independent + "verify.py"}, args...)...)
	raw, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	return string(raw), cmd.ProcessState.ExitCode()
}

// What the store computes in SQL and what the independent program computes of the
// values is the same: for what collectors write of hostile spans, and for values that
// no collector would write (any bytes, keys that are there twice, any numbers).
func TestIndependentProgramAgrees(t *testing.T) {
	dsn := storetest.Start(t).Database(t)
	conn, sender := open(t, dsn)
	want := storeHostile(t.Context(), t, sender, 7)
	at := strings.LastIndexByte(dsn, '/')
	for _, table := range audit.SealedTables(audit.HashVersion) {
		columns := make([]string, 0, len(table.Fields)+3)
		for _, f := range table.Fields {
			columns = append(columns, "`"+f.Name+"` "+strings.ReplaceAll(f.Type, "LowCardinality(String)", "String"))
		}
		random := "random_" + table.Name
		for _, sql := range []string{
			"CREATE TABLE " + random + " ENGINE = Memory AS SELECT * FROM " + table.Name + " LIMIT 0",
			fmt.Sprintf("INSERT INTO %s SELECT *, 'w', 1, toFixedString(unhex(leftPad(hex(intDiv(rowNumberInAllBlocks(), 20)), 32, '0')), 16), rowNumberInAllBlocks() %% 18 FROM "+
				"generateRandom('%s', 11, 12, 3) LIMIT 300", insertInto(random, &table), strings.ReplaceAll(strings.Join(columns, ", "), "'", "\\'")),
			fmt.Sprintf("INSERT INTO %s SELECT * FROM %s WHERE row_ix = 5", random, random), // delivered again
		} {
			require.NoError(t, conn.Exec(t.Context(), sql), "%s: %s", table.Name, sql)
		}
		for place, n := range map[string]int{table.Name: 1, random: 15} {
			copied := table
			copied.Name = place
			bySQL := digests(t, conn, &copied)
			assert.GreaterOrEqual(t, len(bySQL), n, place)
			out, code := runIndependent(t, "digests", "--url", dsn[:at], "--database", dsn[at+1:], "--table", table.Name, "--read", place)
			require.Zero(t, code, out)
			got := map[string]string{}
			for line := range strings.Lines(out) {
				words := strings.Fields(line)
				require.Len(t, words, 4, line)
				got[words[1]] = words[2] + " " + words[3]
				if b, ok := want[words[1]]; ok && place == table.Name {
					assert.Equal(t, b.digest, words[3], "in Go")
				}
			}
			assert.Equal(t, bySQL, got, place)
		}
	}
}

func insertInto(name string, table *audit.SealedTable) string {
	columns := make([]string, len(table.Fields))
	for i, f := range table.Fields {
		columns[i] = "`" + f.Name + "`"
	}
	return name + " (" + strings.Join(columns, ", ") + ", writer_id, writer_epoch, batch_id, row_ix)"
}
