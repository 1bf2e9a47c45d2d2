package storeserver

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParse(t *testing.T) {
	for sql, want := range map[string]statement{
		"":         {insertEnd: -1, dataAt: -1},
		"select 1": {verb: "SELECT", insertEnd: -1, dataAt: -1},
		"/* INSERT */ -- x\nSELECT 'a''b\\'' FORMAT CSV": {verb: "SELECT", insertEnd: -1, dataAt: -1, format: "CSV"},
		"SELECT (SELECT 1 FORMAT CSV)":                   {verb: "SELECT", insertEnd: -1, dataAt: -1},
		"SELECT `FORMAT` FROM t":                         {verb: "SELECT", insertEnd: -1, dataAt: -1},
		"DROP TABLE t SYNC":                              {verb: "DROP", insertEnd: -1, dataAt: -1, waitsForDrop: true},
		"DROP TABLE `SYNC`":                              {verb: "DROP", insertEnd: -1, dataAt: -1},
		"USE d":                                          {verb: "USE", insertEnd: -1, dataAt: -1, stateful: true},
		"INSERT INTO t FORMAT CSV 1":                     {verb: "INSERT", insertEnd: 14, dataAt: 25, format: "CSV"},
		"INSERT INTO t FORMAT CSV;\n1":                   {verb: "INSERT", insertEnd: 14, dataAt: 26, format: "CSV"},
		"INSERT INTO t FORMAT CSV\n\n1":                  {verb: "INSERT", insertEnd: 14, dataAt: 25, format: "CSV"},
		"INSERT INTO t VALUES (1)":                       {verb: "INSERT", insertEnd: -1, dataAt: -1},
		"INSERT INTO t (`FORMAT`) FORMAT TSV":            {verb: "INSERT", insertEnd: 25, dataAt: 35, format: "TSV"},
		"SELECT format('{}', x) FROM t":                  {verb: "SELECT", insertEnd: -1, dataAt: -1},
		"SELECT format FROM t":                           {verb: "SELECT", insertEnd: -1, dataAt: -1},
		"SELECT {format:String}":                         {verb: "SELECT", insertEnd: -1, dataAt: -1},
		"SELECT 1 AS format FORMAT JSON ; ":              {verb: "SELECT", insertEnd: -1, dataAt: -1, format: "JSON"},
		"SELECT 1 FORMAT JSON SETTINGS a = 1":            {verb: "SELECT", insertEnd: -1, dataAt: -1, format: "JSON"},
		"SELECT t.format FROM t FORMAT TSV":              {verb: "SELECT", insertEnd: -1, dataAt: -1, format: "TSV"},
		"INSERT INTO db.settings FORMAT CSV 1":           {verb: "INSERT", insertEnd: 24, dataAt: 35, format: "CSV"},
		"INSERT INTO t SETTINGS a = 1 FORMAT CSV":        {verb: "INSERT", insertEnd: 14, dataAt: 39, format: "CSV"},
		"CREATE OR REPLACE TEMPORARY TABLE x AS":         {verb: "CREATE", insertEnd: -1, dataAt: -1, stateful: true},
		"SELECT 'unfinished":                             {verb: "SELECT", insertEnd: -1, dataAt: -1},
		"SELECT 1 /* unfinished":                         {verb: "SELECT", insertEnd: -1, dataAt: -1},
		"SELECT 1 FORMAT":                                {verb: "SELECT", insertEnd: -1, dataAt: -1},
	} {
		assert.Equal(t, want, parse(sql), sql)
	}
}

// Whatever the text, the parts lie within it and in order, the head ends before a
// clause, the rows do not decide where they begin, and nothing inside a literal
// is a clause.
func FuzzParse(f *testing.F) {
	for _, sql := range []string{
		"SELECT 1", "INSERT INTO t FORMAT CSV\n1,2", "INSERT INTO t SETTINGS a=1 FORMAT Native\x00\xff", "insert into `a'b` (\"x\") values ('(')",
		"/* */--", "'\\", "FORMAT FORMAT FORMAT", "INSERT INTO t FORMAT",
	} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(sql)
		if got := parse("SELECT '" + quoted + "'"); got != (statement{verb: "SELECT", insertEnd: -1, dataAt: -1}) {
			t.Fatalf("a literal has clauses: %+v", got)
		}
		st := parse(sql)
		if st.insertEnd < 0 {
			if st.dataAt >= 0 {
				t.Fatalf("rows without an insert: %+v", st)
			}
			return
		}
		if st.insertEnd > st.dataAt || st.dataAt > len(sql) {
			t.Fatalf("parts out of order: %+v in %d bytes", st, len(sql))
		}
		if other := parse(sql[:st.dataAt] + "\x01 FORMAT x SELECT '"); other != st {
			t.Fatalf("other rows moved the parts: %+v, then %+v", st, other)
		}
		clause := sql[st.insertEnd:st.dataAt]
		if upper := strings.ToUpper(clause); !strings.HasPrefix(upper, "FORMAT") && !strings.HasPrefix(upper, "SETTINGS") {
			t.Fatalf("the head does not end before a clause: %q", clause)
		}
		if st.verb != "INSERT" || st.format == "" {
			t.Fatalf("an insert without verb or format: %+v", st)
		}
	})
}
