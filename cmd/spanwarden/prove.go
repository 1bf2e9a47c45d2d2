package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

func init() { commands = append(commands, newProveCommand) }

func newProveCommand() *cobra.Command {
	var dsn, action, file, format string
	cmd := &cobra.Command{
		Use:   "prove",
		Short: "Prove a single action to somebody who has the public key and nothing else",
		Example: `  spanwarden prove --action 00112233445566778899aabbccddeeff --out action.tlog-proof
  spanwarden prove check action.tlog-proof --key collectors.pub`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != formatProof && format != "json" {
				return fmt.Errorf("--format: want %s or json, not %q", formatProof, format)
			}
			var proof *tlog.Proof
			err := withStore(cmd.Context(), dsn, func(conn driver.Conn, _ *clickhouse.Options) (err error) {
				proof, err = verify.Prove(cmd.Context(), conn, strings.ToLower(action))
				return err
			})
			if err != nil {
				return err
			}
			raw, err := encodeProof(proof, format)
			if err != nil {
				return err
			}
			if file == "" {
				_, err = cmd.OutOrStdout().Write(raw)
				return err
			}
			if err := os.WriteFile(file, raw, 0o600); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "written:", file)
			return err
		},
	}
	storeFlag(cmd, &dsn)
	cmd.Flags().StringVar(&action, "action", "", "the action's id, 32 hex digits (required)")
	cmd.Flags().StringVar(&file, "out", "", "where to write the proof (default the standard output)")
	cmd.Flags().StringVar(&format, "format", formatProof, formatProof+" (of C2SP) or json: the same, easier to read")
	cmd.AddCommand(newProveCheckCommand())
	return cmd
}

const formatProof = "tlog-proof"

func encodeProof(p *tlog.Proof, format string) ([]byte, error) {
	if format == formatProof {
		text, err := p.Text()
		return []byte(text), err
	}
	raw, err := json.MarshalIndent(p, "", "  ")
	return append(raw, '\n'), err
}

func newProveCheckCommand() *cobra.Command {
	var places, witnesses []string
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Check a proof; no store is asked. Exit codes: 0 it holds, 1 it does not, 3 it could not be told",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := readKeys(places)
			if err != nil {
				return leave(cmd, verify.CannotTell, err)
			}
			raw, err := os.ReadFile(args[0])
			if err != nil {
				return leave(cmd, verify.CannotTell, err)
			}
			others, err := readWitnesses(witnesses)
			if err != nil {
				return leave(cmd, verify.CannotTell, err)
			}
			err = checkProof(cmd, raw, note.VerifierList(keys...), others)
			if errors.Is(err, tlog.ErrProof) {
				cmd.PrintErrln("spanwarden:", err)
				return leave(cmd, verify.Tampered, nil)
			}
			return leave(cmd, verify.OK, err)
		},
	}
	cmd.Flags().StringArrayVar(&places, "key", nil, "who is believed: a public key, a file with some, or a directory with .pub files (required)")
	cmd.Flags().StringArrayVar(&witnesses, "witness-key", nil, "public key of a witness (or a file with some) whose cosignature the proof must bear")
	return cmd
}

func checkProof(cmd *cobra.Command, raw []byte, keys note.Verifiers, witnesses []note.Verifier) error {
	p, err := tlog.ParseProof(raw)
	if err != nil {
		return err
	}
	leaf, c, err := p.Check(keys)
	if err != nil {
		return err
	}
	if err := verify.FieldNames(p, leaf.HashVersion); err != nil {
		return err
	}
	seen, err := tlog.Cosignatures(p.Checkpoint, note.VerifierList(witnesses...))
	if err != nil {
		return fmt.Errorf("%w: %w", tlog.ErrProof, err)
	}
	for _, w := range witnesses {
		if !slices.ContainsFunc(seen, func(c tlog.Cosignature) bool { return c.Witness == w.Name() }) {
			return fmt.Errorf("the proof bears no cosignature of the witness %s", w.Name())
		}
	}
	out := cmd.OutOrStdout()
	for _, c := range seen {
		if _, err := fmt.Fprintf(out, "The witness %s saw the log with that leaf at %s.\n", c.Witness, c.At.Format(time.RFC3339)); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(out, "The proof holds: this row is what %s/%d sealed at %s as row %d of its batch %d, under a signed root of %d leaves.\n",
		leaf.Writer, leaf.Epoch, time.UnixMilli(leaf.SealedAt).UTC().Format(time.RFC3339), p.RowIx, leaf.Seq, c.Size)
	for i := range p.Fields {
		if text, e := p.Fields[i].Text(); e == nil && text != "" && err == nil {
			_, err = fmt.Fprintf(out, "  %s: %q\n", p.Fields[i].Name, text)
		}
	}
	return err
}
