package evidence

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// Provenance is what can be said of a store before it is asked: evidence without
// it cannot be produced a second time.
type Provenance struct {
	Server   string   `json:"server_version"`
	Database string   `json:"database"`
	User     string   `json:"store_user"`
	Roles    []string `json:"store_roles,omitempty"`
	// Checkpoints are the newest signed ones, of each writer one, by writer.
	Checkpoints []Checkpoint `json:"checkpoints"`
}

// Checkpoint is how far a writer's log was, and what its writer signed.
type Checkpoint struct {
	Log    string `json:"log"` // writer/epoch
	Size   int64  `json:"size"`
	Root   string `json:"root"`   // base64, as the note has it
	Digest string `json:"digest"` // SHA-256 of the signed note, hex
	Note   string `json:"note,omitempty"`
}

// maxWriters bounds how many logs a manifest names; the newest ones.
const maxWriters = 1000

// ReadProvenance asks the store about itself.
func ReadProvenance(ctx context.Context, conn driver.Conn) (*Provenance, error) {
	p := &Provenance{Checkpoints: []Checkpoint{}}
	err := conn.QueryRow(ctx, "SELECT version(), currentDatabase(), currentUser(), currentRoles()").Scan(&p.Server, &p.Database, &p.User, &p.Roles)
	if err != nil {
		return nil, fmt.Errorf("asking the store about itself: %w", err)
	}
	var clusters uint64
	if err := conn.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'ledger_batches_all'").Scan(&clusters); err != nil {
		return nil, fmt.Errorf("asking the store about itself: %w", err)
	}
	table := "ledger_batches"
	if clusters > 0 {
		table += "_all"
	}
	rows, err := conn.Query(ctx, `SELECT writer_id, note FROM (
    SELECT writer_id, writer_epoch, seq, sealed_at, note FROM `+table+` WHERE note != '' ORDER BY writer_epoch DESC, seq DESC LIMIT 1 BY writer_id
) ORDER BY sealed_at DESC, writer_id LIMIT `+strconv.Itoa(maxWriters))
	if err != nil {
		return nil, fmt.Errorf("reading the newest checkpoints: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	for rows.Next() {
		var writer, signed string
		if err := rows.Scan(&writer, &signed); err != nil {
			return nil, fmt.Errorf("reading the newest checkpoints: %w", err)
		}
		if c, err := readCheckpoint(signed); err == nil { // what cannot be read is for verify to say
			p.Checkpoints = append(p.Checkpoints, c)
		}
	}
	return p, rows.Err()
}

func readCheckpoint(signed string) (Checkpoint, error) {
	text, _, _ := strings.Cut(signed, "\n\n")
	c, err := tlog.ParseCheckpoint(text + "\n")
	if err != nil {
		return Checkpoint{}, err
	}
	sum := sha256.Sum256([]byte(signed))
	return Checkpoint{
		Log: fmt.Sprintf("%s/%d", c.Writer, c.Epoch), Size: c.Size, Root: c.Root.String(), Digest: hex.EncodeToString(sum[:]), Note: signed,
	}, nil
}
