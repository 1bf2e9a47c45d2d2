package verify

import (
	"context"
	"fmt"
	"time"
)

// readMutations tells of statements that changed rows in place. What they did to
// sealed rows shows in the digests.
func (v *verifier) readMutations(ctx context.Context) error {
	rows, err := v.conn.Query(ctx, `SELECT table, command, create_time FROM system.mutations
WHERE database = currentDatabase() AND (command LIKE '%UPDATE %' OR command LIKE '%DELETE %') ORDER BY create_time DESC LIMIT 100`)
	if err != nil {
		v.report.Notes = append(v.report.Notes, "system.mutations could not be read: "+err.Error())
		return nil
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	for rows.Next() {
		var table, command string
		var at time.Time
		if err := rows.Scan(&table, &command, &at); err != nil {
			return err
		}
		v.report.Notes = append(v.report.Notes, fmt.Sprintf("%s: rows of %s were changed in place: %s", at.UTC().Format(time.RFC3339), table, command))
	}
	return rows.Err()
}

// readStatements tells who changed or dropped what, where the server keeps a log of
// its queries.
func (v *verifier) readStatements(ctx context.Context) error {
	var has uint64
	if err := v.conn.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = 'system' AND name = 'query_log'").Scan(&has); err != nil || has == 0 {
		v.report.Notes = append(v.report.Notes, "the server keeps no system.query_log: who changed what cannot be told")
		return nil // a note is all that it could give
	}
	rows, err := v.conn.Query(ctx, `SELECT event_time, if(initial_user = '', user, initial_user), toString(address), substring(query, 1, 200) FROM system.query_log
WHERE type = 'QueryFinish' AND query_kind IN ('Alter', 'Delete', 'Update', 'Drop', 'Truncate', 'Rename', 'Undrop') AND has(databases, currentDatabase()) ORDER BY event_time DESC LIMIT 100`)
	if err != nil {
		v.report.Notes = append(v.report.Notes, "system.query_log could not be read: "+err.Error())
		return nil
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	for rows.Next() {
		var at time.Time
		var user, address, query string
		if err := rows.Scan(&at, &user, &address, &query); err != nil {
			return err
		}
		v.report.Notes = append(v.report.Notes, fmt.Sprintf("%s: user %q from %s: %q", at.UTC().Format(time.RFC3339), user, address, query))
	}
	return rows.Err()
}
