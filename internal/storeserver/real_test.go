package storeserver_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

func connect(t *testing.T, dsn string) driver.Conn {
	t.Helper()
	opts, err := clickhouse.ParseDSN(dsn)
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

const manyTypes = `CREATE TABLE many (
	u UInt64, n Nullable(UInt64), d Nullable(Decimal(38, 12)), t DateTime64(9, 'UTC'), f FixedString(4),
	l LowCardinality(String), m Map(LowCardinality(String), String), a Array(String), id UUID
) ENGINE = MergeTree ORDER BY u`

// The ordinary driver works in each of its compressions, with the types that the
// audit store uses, through its own interface and through database/sql.
func TestDriver(t *testing.T) {
	store := storetest.Start(t)
	for _, compression := range []string{"none", "lz4", "zstd", "gzip", "deflate", "br"} {
		t.Run(compression, func(t *testing.T) {
			dsn := store.Database(t) + "?compress=" + compression
			conn := connect(t, dsn)
			ctx := t.Context()
			require.NoError(t, conn.Exec(ctx, manyTypes))
			batch, err := conn.PrepareBatch(ctx, "INSERT INTO many")
			require.NoError(t, err)
			at := time.Date(2026, 11, 20, 12, 0, 0, 123456789, time.UTC)
			const id = "01234567-89ab-cdef-0123-456789abcdef"
			for i := range uint64(1000) {
				var n *uint64
				if i%2 == 0 {
					n = &i
				}
				require.NoError(t, batch.Append(i, n, nil, at, "abcd", strconv.FormatUint(i%7, 10), map[string]string{"k": "v"}, []string{"x", "y"}, id))
			}
			require.NoError(t, batch.Send())

			var (
				rows, known uint64
				when        time.Time
				tags        map[string]string
				list        []string
			)
			require.NoError(t, conn.QueryRow(ctx, "SELECT count(), count(n), any(t), any(m), any(a) FROM many WHERE u >= {from:UInt64}",
				clickhouse.Named("from", "10")).Scan(&rows, &known, &when, &tags, &list))
			assert.EqualValues(t, 990, rows)
			assert.EqualValues(t, 495, known)
			assert.Equal(t, at, when.UTC())
			assert.Equal(t, map[string]string{"k": "v"}, tags)
			assert.Equal(t, []string{"x", "y"}, list)

			found, err := conn.Query(ctx, "SELECT u FROM many WHERE u > 5000")
			require.NoError(t, err)
			assert.False(t, found.Next(), "an empty answer is no error")
			require.NoError(t, found.Err())

			db, err := sql.Open("clickhouse", dsn)
			require.NoError(t, err)
			defer func() { _ = db.Close() }()
			var sum uint64
			require.NoError(t, db.QueryRowContext(ctx, "SELECT sum(u) FROM many").Scan(&sum))
			assert.EqualValues(t, 999*1000/2, sum)

			err = conn.Exec(ctx, "SELECT * FROM nothing_of_that_name")
			assert.ErrorContains(t, err, "UNKNOWN_TABLE")
		})
	}
}

func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	var b strings.Builder
	_, err = fmt.Fprint(&b, resp.Header.Get("X-ClickHouse-Exception-Code"))
	require.NoError(t, err)
	return resp.StatusCode, b.String()
}

// A retried insert with the same token adds nothing.
func TestRetriedInsert(t *testing.T) {
	store := storetest.Start(t)
	status, _ := post(t, store.URL(), "CREATE TABLE spanwarden.r (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100")
	require.Equal(t, http.StatusOK, status)
	for _, token := range []string{"one", "one", "two", "one"} {
		status, _ := post(t, store.URL()+"/?insert_deduplication_token="+token+"&database=spanwarden&query=INSERT+INTO+r+FORMAT+CSV", "1\n2\n")
		require.Equal(t, http.StatusOK, status)
	}
	var n uint64
	require.NoError(t, connect(t, store.DSN()).QueryRow(t.Context(), "SELECT count() FROM r").Scan(&n))
	assert.EqualValues(t, 4, n)
}

// What was acknowledged before a kill -9 is there after it.
func TestKilled(t *testing.T) {
	store := storetest.Start(t)
	status, _ := post(t, store.URL(), "CREATE TABLE k (a UInt64) ENGINE = MergeTree ORDER BY a")
	require.Equal(t, http.StatusOK, status)
	var (
		wg           sync.WaitGroup
		acknowledged uint64
		enough       = make(chan struct{})
		ended        = make(chan struct{})
	)
	wg.Go(func() {
		defer close(ended)
		for i := 0; ; i++ {
			if status, _ := post(t, store.URL()+"/?query=INSERT+INTO+k+FORMAT+CSV", strings.Repeat(fmt.Sprintln(i), 100)); status != http.StatusOK {
				return
			}
			if acknowledged++; acknowledged == 20 {
				close(enough)
			}
		}
	})
	select {
	case <-enough:
	case <-ended:
		t.Fatal("the store refused an insert before it was killed")
	}
	store.Kill()
	wg.Wait()
	store.Restart()
	var whole, rows uint64
	require.NoError(t, connect(t, store.DSN()).QueryRow(t.Context(),
		"SELECT countIf(c = 100), sum(c) FROM (SELECT a, count() AS c FROM k GROUP BY a)").Scan(&whole, &rows))
	assert.GreaterOrEqual(t, whole, acknowledged)
	assert.Equal(t, whole*100, rows, "an insert is there as a whole or not at all")
}

func TestConcurrentQueries(t *testing.T) {
	store := storetest.Start(t)
	conn := connect(t, store.DSN())
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			var n uint64
			assert.NoError(t, conn.QueryRow(t.Context(), fmt.Sprintf("SELECT sum(number) FROM numbers(%d)", 1000+i)).Scan(&n))
			assert.EqualValues(t, (1000+i)*(999+i)/2, n)
		})
	}
	wg.Wait()
}

// A second process on one folder, an address that is taken and a missing password
// are refused with what to do about it.
func TestRefusals(t *testing.T) {
	t.Setenv("SPANWARDEN_STORE_PASSWORD", "secret")
	store := storetest.Start(t, "--user", "u")
	status, code := post(t, store.URL(), "SELECT 1")
	assert.Equal(t, http.StatusForbidden, status)
	assert.Equal(t, "516", code)
	status, _ = post(t, store.URL()+"/?user=u&password=secret", "SELECT 1")
	assert.Equal(t, http.StatusOK, status)

	out := serve(t, "--path", store.Path(), "--listen", "127.0.0.1:0")
	assert.Contains(t, out, "another process serves this folder")
	out = serve(t, "--path", t.TempDir(), "--listen", strings.TrimPrefix(store.URL(), "http://"))
	assert.Contains(t, out, "--listen")
	assert.Contains(t, out, "address already in use")
}

// serve runs the command and expects it to fail at once.
func serve(t *testing.T, flags ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, storetest.Binary(t), append([]string{"store", "serve"}, flags...)...).CombinedOutput()
	assert.Error(t, err)
	return string(out)
}
