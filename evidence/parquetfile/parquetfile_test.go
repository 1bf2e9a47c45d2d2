package parquetfile_test

import (
	"bytes"
	"encoding/hex"
	"math"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/evidence/parquetfile"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

// What the store answers, of each type, is what the file says.
func TestTypesOfTheStore(t *testing.T) {
	opts, err := audit.ParseDSN(storetest.Start(t).Database(t))
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	q := evidence.Query{ID: "types", SQL: `SELECT
    'a\0b' AS s, toLowCardinality('low') AS low, toNullable('n') AS n, CAST(NULL AS Nullable(String)) AS none, toFixedString('0123456789abcdef', 16) AS fixed,
    toUInt8(255) AS u8, toUInt64(18446744073709551615) AS u64, toInt64(-9223372036854775808) AS i64, 0.5 AS f, true AS b,
    toDate('2026-10-01') AS d, toDateTime('2026-10-01 01:02:03', 'UTC') AS t0, toDateTime64('2026-10-01 01:02:03.004', 3, 'UTC') AS t3,
    toDateTime64('2026-10-01 01:02:03.004005006', 9, 'UTC') AS t9, toNullable(toDateTime64('2026-10-01 01:02:03.004005006', 9, 'UTC')) AS tn,
    toDecimal128('-12345678901234567890.123456789012', 12) AS dec, CAST(NULL AS Nullable(Decimal(38, 12))) AS decnull,
    ['x', 'y'] AS arr, CAST([], 'Array(LowCardinality(String))') AS empty, [toDateTime64('2026-10-01 01:02:03.004', 3, 'UTC')] AS times, [toNullable(1), NULL] AS holes,
    map('k', 'v', 'a', 'b') AS m, tuple(1, 'x') AS tup, toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS id`}
	answer, err := q.Run(t.Context(), conn, nil, 10)
	require.NoError(t, err)
	answer.Rows = append(answer.Rows, answer.Rows[0])

	var b, again bytes.Buffer
	require.NoError(t, parquetfile.Write(&b, answer, map[string]string{"spanwarden.manifest": "{}"}))
	require.NoError(t, parquetfile.Write(&again, answer, map[string]string{"spanwarden.manifest": "{}"}))
	assert.Equal(t, b.Bytes(), again.Bytes(), "the same answer is the same file")

	file, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	require.NoError(t, err)
	assert.Equal(t, `message answer {
	required binary s (STRING);
	required binary low (STRING);
	optional binary n (STRING);
	optional binary none (STRING);
	required binary fixed (STRING);
	required int32 u8 (INT(8,false));
	required int64 u64 (INT(64,false));
	required int64 i64 (INT(64,true));
	required double f;
	required boolean b;
	required int32 d (DATE);
	required int64 t0 (TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS));
	required int64 t3 (TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS));
	required int64 t9 (TIMESTAMP(isAdjustedToUTC=true,unit=NANOS));
	optional int64 tn (TIMESTAMP(isAdjustedToUTC=true,unit=NANOS));
	required fixed_len_byte_array(16) dec (DECIMAL(38,12));
	optional fixed_len_byte_array(16) decnull (DECIMAL(38,12));
	required group arr (LIST) {
		repeated group list {
			required binary element (STRING);
		}
	}
	required group empty (LIST) {
		repeated group list {
			required binary element (STRING);
		}
	}
	required group times (LIST) {
		repeated group list {
			required int64 element (TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS));
		}
	}
	required binary holes (JSON);
	required binary m (JSON);
	required binary tup (JSON);
	required binary id (STRING);
}`, file.Schema().String())
	value, ok := file.Lookup("spanwarden.manifest")
	assert.True(t, ok)
	assert.Equal(t, "{}", value)

	type row struct {
		S       string     `parquet:"s"`
		None    *string    `parquet:"none,optional"`
		Fixed   string     `parquet:"fixed"`
		U64     uint64     `parquet:"u64"`
		I64     int64      `parquet:"i64"`
		D       int32      `parquet:"d,date"`
		T3      time.Time  `parquet:"t3,timestamp(millisecond)"`
		T9      time.Time  `parquet:"t9,timestamp(nanosecond)"`
		TN      *time.Time `parquet:"tn,optional,timestamp(nanosecond)"`
		Dec     [16]byte   `parquet:"dec,decimal(12:38)"`
		Decnull *[16]byte  `parquet:"decnull,optional,decimal(12:38)"`
		Arr     []string   `parquet:"arr,list"`
		Holes   string     `parquet:"holes,json"`
		M       string     `parquet:"m,json"`
		ID      string     `parquet:"id"`
	}
	rows, err := parquet.Read[row](bytes.NewReader(b.Bytes()), int64(b.Len()))
	require.NoError(t, err)
	require.Len(t, rows, 2)
	r := rows[1]
	assert.Equal(t, "a\x00b", r.S)
	assert.Nil(t, r.None)
	assert.Equal(t, "0123456789abcdef", r.Fixed)
	assert.Equal(t, uint64(math.MaxUint64), r.U64)
	assert.Equal(t, int64(math.MinInt64), r.I64)
	assert.EqualValues(t, time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC).Unix()/86400, r.D)
	assert.Equal(t, "2026-10-01T01:02:03.004Z", r.T3.UTC().Format(time.RFC3339Nano))
	assert.Equal(t, "2026-10-01T01:02:03.004005006Z", r.T9.UTC().Format(time.RFC3339Nano))
	assert.Equal(t, "2026-10-01T01:02:03.004005006Z", r.TN.UTC().Format(time.RFC3339Nano))
	assert.Nil(t, r.Decnull)
	// -12345678901234567890123456789012 in 16 bytes, from Python: (-12345678901234567890123456789012).to_bytes(16, 'big', signed=True)
	assert.Equal(t, "ffffff642cf5c39ba6bc22e96f5fc5ec", hex.EncodeToString(r.Dec[:]))
	assert.Equal(t, []string{"x", "y"}, r.Arr)
	assert.JSONEq(t, "[1,null]", r.Holes)
	assert.JSONEq(t, `{"k":"v","a":"b"}`, r.M)
	assert.Equal(t, "61f0c404-5cb3-11e7-907b-a6006ad3dba0", r.ID)
}
