package evidence

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// run is a row of evidence_runs.
type run struct {
	RunID             string            `json:"run_id"`
	RunAt             string            `json:"run_at"`
	Kind              string            `json:"kind"`
	PackID            string            `json:"pack_id"`
	View              string            `json:"view"`
	ViewVersion       string            `json:"view_version"`
	SQL               string            `json:"sql"`
	SQLDigest         string            `json:"sql_digest"`
	Params            map[string]string `json:"params"`
	RunBy             string            `json:"run_by"`
	StoreUser         string            `json:"store_user"`
	StoreRoles        []string          `json:"store_roles"`
	ToolVersion       string            `json:"tool_version"`
	Database          string            `json:"database"`
	ServerVersion     string            `json:"server_version"`
	TimeZone          string            `json:"time_zone"`
	Rows              int               `json:"rows"`
	ResultDigest      string            `json:"result_digest"`
	State             string            `json:"state"`
	CoveragePct       *float64          `json:"coverage_pct"`
	CheckpointLogs    []string          `json:"checkpoint_logs"`
	CheckpointSizes   []int64           `json:"checkpoint_sizes"`
	CheckpointRoots   []string          `json:"checkpoint_roots"`
	CheckpointDigests []string          `json:"checkpoint_digests"`
}

// runTuple is how the store reads a run out of JSON. It is no table function: those
// want a right that an auditor's account has no other use for.
const runTuple = "Tuple(run_id String, run_at String, kind String, pack_id String, view String, view_version String, sql String, sql_digest String, " +
	"params Map(String, String), run_by String, store_user String, store_roles Array(String), tool_version String, database String, server_version String, " +
	"time_zone String, rows UInt64, result_digest String, state String, coverage_pct Nullable(Float64), " +
	"checkpoint_logs Array(String), checkpoint_sizes Array(UInt64), checkpoint_roots Array(String), checkpoint_digests Array(String))"

const runNames = "run_id, run_at, kind, pack_id, view, view_version, sql, sql_digest, params, run_by, store_user, store_roles, tool_version, database, server_version, " +
	"time_zone, rows, result_digest, state, coverage_pct, checkpoint_logs, checkpoint_sizes, checkpoint_roots, checkpoint_digests"

// Record writes to the store that the questions of the manifests were asked. A
// manifest without a view is a whole pack.
func Record(ctx context.Context, conn driver.Conn, manifests ...*Manifest) error {
	// A statement is at most 256 KiB where the server says nothing else.
	const most = 200_000
	var batch strings.Builder
	flush := func() error {
		if batch.Len() == 0 {
			return nil
		}
		defer batch.Reset()
		return conn.Exec(ctx, "INSERT INTO evidence_runs ("+runNames+") SELECT untuple(JSONExtract(arrayJoin(["+batch.String()+"]), '"+runTuple+"'))")
	}
	for _, m := range manifests {
		line, err := json.Marshal(runOf(m))
		if err != nil {
			return err
		}
		text := "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(string(line)) + "'"
		if batch.Len()+len(text) > most {
			if err := flush(); err != nil {
				return err
			}
		}
		if batch.Len() > 0 {
			batch.WriteByte(',')
		}
		batch.WriteString(text)
	}
	return flush()
}

func runOf(m *Manifest) *run {
	r := &run{
		RunID: m.RunID, RunAt: m.RunAt.Format("2006-01-02 15:04:05.000"), Kind: "run", PackID: m.PackID, View: m.View, ViewVersion: m.ViewVersion,
		SQL: m.SQL, SQLDigest: m.SQLDigest, Params: m.Params, RunBy: m.RunBy, StoreUser: m.User, StoreRoles: m.Roles, ToolVersion: m.ToolVersion,
		Database: m.Database, ServerVersion: m.Server, TimeZone: m.TimeZone, Rows: m.Rows, ResultDigest: m.ResultDigest, State: string(m.State),
		CoveragePct: m.CoveragePct,
	}
	if m.PackID != "" {
		r.Kind = "pack"
	}
	for _, c := range m.Checkpoints {
		r.CheckpointLogs = append(r.CheckpointLogs, c.Log)
		r.CheckpointSizes = append(r.CheckpointSizes, c.Size)
		r.CheckpointRoots = append(r.CheckpointRoots, c.Root)
		r.CheckpointDigests = append(r.CheckpointDigests, c.Digest)
	}
	return r
}

// ViewError means that the store's view of a question has another text than this
// program.
type ViewError struct{ View string }

func (e *ViewError) Error() string {
	return e.View + " of the store is of another version than this program: run `spanwarden store migrate`"
}

// CheckViews returns an ViewError where a view of the store is not of the version
// that is given by its name. A store that does not show texts of views to this
// account is believed.
func CheckViews(ctx context.Context, conn driver.Conn, versions map[string]string) error {
	rows, err := conn.Query(ctx, "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() AND name LIKE 'ev\\_%'")
	if err != nil {
		return fmt.Errorf("reading the views of the store: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return fmt.Errorf("reading the views of the store: %w", err)
		}
		if v := versions[name]; v != "" && text != "" && !strings.Contains(text, "'"+v+"'") {
			return &ViewError{name}
		}
	}
	return rows.Err()
}
