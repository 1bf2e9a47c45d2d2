package verify

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

var (
	// ErrNotFound means that the store has no such action.
	ErrNotFound = errors.New("the store has no such action")
	// ErrUnsealed means that it has, and that nobody sealed it.
	ErrUnsealed = errors.New("the action is not sealed")
)

// Prove makes a proof of an action (32 hex digits) that needs no store to be
// checked. It proves what is stored: whether that is what was signed, the check
// tells.
func Prove(ctx context.Context, conn driver.Conn, action string) (*tlog.Proof, error) {
	if raw, err := hex.DecodeString(action); err != nil || len(raw) != 16 {
		return nil, fmt.Errorf("action %q: want 32 hex digits", action)
	}
	v := &verifier{conn: conn, report: &Report{}, logs: map[logID]*log{}}
	if err := v.readSuffix(ctx); err != nil {
		return nil, err
	}
	var id logID
	var batch string
	p := &tlog.Proof{Format: tlog.ProofFormat, Table: "actions"}
	rows, err := conn.Query(ctx, "SELECT writer_id, writer_epoch, lower(hex(batch_id)), row_ix FROM actions"+v.suffix+
		" WHERE action_id = unhex({id:String}) ORDER BY writer_id = '', observed_at LIMIT 1", clickhouse.Named("id", action))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	if !rows.Next() {
		return nil, errors.Join(rows.Err(), fmt.Errorf("%w: %s", ErrNotFound, action))
	}
	if err := rows.Scan(&id.writer, &id.epoch, &batch, &p.RowIx); err != nil {
		return nil, err
	}
	if id.writer == "" {
		return nil, fmt.Errorf("%w: it was written without integrity", ErrUnsealed)
	}
	leaf, err := v.proveLeaf(ctx, p, id, batch)
	if err != nil {
		return nil, err
	}
	return p, v.proveRow(ctx, p, id, batch, action, leaf.HashVersion)
}

// proveLeaf adds the leaf of the batch and the way to the newest signed root.
func (v *verifier) proveLeaf(ctx context.Context, p *tlog.Proof, id logID, batch string) (*tlog.Leaf, error) {
	// Of all leaves but the batch's and the last the hash is enough.
	ours := `position(leaf, '\ndigest ` + strings.ToUpper(batch) + `') > 0 OR last`
	if err := v.scanLeaves(ctx, ours, "", func(id logID, e *entry, rest string) { v.addLeaf(id, e, rest) }); err != nil {
		return nil, err
	}
	l := v.logs[id]
	if l == nil {
		return nil, fmt.Errorf("%w: the store has no log %s", ErrUnsealed, id)
	}
	var leaf *tlog.Leaf
	hashes := make([]tlog.Hash, len(l.leaves))
	for i := range l.leaves {
		if l.leaves[i].seq != uint64(i) {
			return nil, fmt.Errorf("leaf %d of %s is gone: `spanwarden verify` tells more", i, id)
		}
		hashes[i] = l.leaves[i].hash
		if s := (sealed{l, &l.leaves[i].leaf}); s.leaf.Kind == tlog.Batch && s.leaf.Table == p.Table && s.group().batch == batch {
			leaf, p.Leaf = s.leaf, l.leaves[i].text
		}
	}
	if leaf == nil {
		return nil, fmt.Errorf("%w: no leaf of %s tells of its batch", ErrUnsealed, id)
	}
	size, signed, err := v.newestCosigned(ctx, id, leaf.Seq, hashes)
	if err != nil {
		return nil, err
	}
	if p.Checkpoint = signed; signed == "" {
		size, p.Checkpoint = len(hashes), l.leaves[len(l.leaves)-1].note
	}
	path, err := tlog.ProveLeaf(int(leaf.Seq), hashes[:size])
	if err != nil {
		return nil, err
	}
	for _, h := range path {
		p.Path = append(p.Path, h.String())
	}
	return leaf, nil
}

// newestCosigned is the newest checkpoint after a leaf that others signed as well,
// and lies on the log; "" where there is none.
func (v *verifier) newestCosigned(ctx context.Context, id logID, seq uint64, hashes []tlog.Hash) (size int, signed string, err error) {
	rows, err := v.conn.Query(ctx, "SELECT size, note FROM ledger_checkpoints"+v.suffix+
		" WHERE writer_id = ? AND writer_epoch = ? AND size > ? AND size <= ? AND countSubstrings(note, '\n— ') > 1 ORDER BY size DESC LIMIT 1",
		id.writer, id.epoch, seq, uint64(len(hashes)))
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	if !rows.Next() {
		return 0, "", rows.Err()
	}
	var n uint64
	if err := rows.Scan(&n, &signed); err != nil {
		return 0, "", err
	}
	var tree tlog.Tree
	for _, h := range hashes[:n] {
		tree.Append(h)
	}
	c, err := tlog.ParseCheckpoint(textOf(signed))
	if err != nil || c.Size != tree.Size() || c.Root != tree.Root() {
		return 0, "", nil
	}
	return int(n), signed, nil
}

// proveRow adds the row, field by field, and the hashes of its batch.
func (v *verifier) proveRow(ctx context.Context, p *tlog.Proof, id logID, batch, action string, version uint8) error {
	table, ok := tableOf(p.Table, version)
	if !ok {
		return fmt.Errorf("this program does not know format %d of table %s", version, p.Table)
	}
	condition := fmt.Sprintf("\nWHERE writer_id = {writer:String} AND writer_epoch = %d AND batch_id = unhex('%s')", id.epoch, batch)
	writer := clickhouse.Named("writer", id.writer)
	var text string
	if err := v.conn.QueryRow(ctx, "SELECT "+table.Canonical()+" FROM "+p.Table+v.suffix+condition+
		fmt.Sprintf(" AND row_ix = %d AND action_id = unhex('%s') LIMIT 1", p.RowIx, action), writer).Scan(&text); err != nil {
		return err
	}
	values, err := tlog.Netstrings(text)
	if err != nil {
		return err
	}
	if len(values) != len(table.Fields) {
		return fmt.Errorf("the row has %d fields, not %d", len(values), len(table.Fields))
	}
	for i, f := range table.Fields {
		p.Fields = append(p.Fields, tlog.NewProofField(f.Name, values[i]))
	}
	rows, err := v.conn.Query(ctx, "SELECT row_hash FROM (SELECT DISTINCT row_ix, row_hash FROM ("+
		table.RowHashes(p.Table+v.suffix, condition)+")) ORDER BY row_ix, row_hash", writer)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	for rows.Next() {
		var h string
		if err := rows.Scan(&h); err != nil {
			return err
		}
		p.RowHashes = append(p.RowHashes, h)
	}
	return rows.Err()
}

// Field is the value of a field of a proven row, "" where it has none.
func Field(p *tlog.Proof, name string) string {
	for i := range p.Fields {
		if p.Fields[i].Name == name {
			text, err := p.Fields[i].Text()
			if err == nil {
				return text
			}
		}
	}
	return ""
}

// FieldNames checks that a proof names its fields as the format has them: the
// hash covers values, and the order says what they are.
func FieldNames(p *tlog.Proof, version uint8) error {
	table, ok := tableOf(p.Table, version)
	if !ok {
		return fmt.Errorf("this program does not know format %d of table %q", version, p.Table)
	}
	if len(table.Fields) != len(p.Fields) {
		return fmt.Errorf("%w: %d fields, where format %d has %d", tlog.ErrProof, len(p.Fields), version, len(table.Fields))
	}
	for i, f := range table.Fields {
		if p.Fields[i].Name != f.Name {
			return fmt.Errorf("%w: field %d is called %q, and is %s", tlog.ErrProof, i+1, p.Fields[i].Name, f.Name)
		}
	}
	return nil
}
