package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
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
	var dsn, action, file string
	cmd := &cobra.Command{
		Use:   "prove",
		Short: "Prove a single action to somebody who has the public key and nothing else",
		Example: `  spanwarden prove --action 00112233445566778899aabbccddeeff --out proof.json
  spanwarden prove check proof.json --key collectors.pub`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var proof *tlog.Proof
			err := withStore(cmd.Context(), dsn, func(conn driver.Conn, _ *clickhouse.Options) (err error) {
				proof, err = verify.Prove(cmd.Context(), conn, strings.ToLower(action))
				return err
			})
			if err != nil {
				return err
			}
			raw, err := json.MarshalIndent(proof, "", "  ")
			if err != nil {
				return err
			}
			raw = append(raw, '\n')
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
	cmd.AddCommand(newProveCheckCommand())
	return cmd
}

func newProveCheckCommand() *cobra.Command {
	var places []string
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
			err = checkProof(cmd, raw, note.VerifierList(keys...))
			if errors.Is(err, tlog.ErrProof) {
				cmd.PrintErrln("spanwarden:", err)
				return leave(cmd, verify.Tampered, nil)
			}
			return leave(cmd, verify.OK, err)
		},
	}
	cmd.Flags().StringArrayVar(&places, "key", nil, "who is believed: a public key, a file with some, or a directory with .pub files (required)")
	return cmd
}

func checkProof(cmd *cobra.Command, raw []byte, keys note.Verifiers) error {
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
	out := cmd.OutOrStdout()
	_, err = fmt.Fprintf(out, "The proof holds: this row is what %s/%d sealed at %s as row %d of its batch %d, under a signed root of %d leaves.\n",
		leaf.Writer, leaf.Epoch, time.UnixMilli(leaf.SealedAt).UTC().Format(time.RFC3339), p.RowIx, leaf.Seq, c.Size)
	for i := range p.Fields {
		if text, e := p.Fields[i].Text(); e == nil && text != "" && err == nil {
			_, err = fmt.Fprintf(out, "  %s: %q\n", p.Fields[i].Name, text)
		}
	}
	return err
}
