package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/audit/journal"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

func init() { commands = append(commands, newKeysCommand) }

func newKeysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Keys that sign the audit store's ledger",
	}
	cmd.AddCommand(newKeysNewCommand(), newKeysRotateCommand(), newKeysShowCommand())
	return cmd
}

func newKeysNewCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "new FILE",
		Short: "Make a key: FILE for the exporter's integrity::key_file, FILE.pub for whoever verifies",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			private, public, err := tlog.NewKey(name)
			if err != nil {
				return err
			}
			if err := newFile(args[0], private+"\n"+public+"\n", 0o600); err != nil {
				return err
			}
			if err := newFile(args[0]+".pub", public+"\n", 0o644); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), public)
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", "spanwarden", "tells keys apart: letters, digits and ._-")
	return cmd
}

func newKeysRotateCommand() *cobra.Command {
	var name string
	var finish bool
	cmd := &cobra.Command{
		Use:   "rotate FILE",
		Short: "Let another key take over from the one in FILE",
		Long: "Makes FILE" + journal.NextKey + ". Each collector that signs with FILE writes, at its next heartbeat or start, a last leaf under the old key that names the\n" +
			"new one, and signs with that. Whoever verifies with the old public key follows; give out the new one (FILE" + journal.NextKey + ".pub) all the same.\n\n" +
			"With --finish, when all have (spanwarden verify says by whom each log is signed), the new key becomes FILE and the old one FILE" + journal.OldKey + ".\n" +
			"A collector that was away changes over when it is back, as long as it finds the old key there.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if finish {
				return finishRotation(cmd, args[0])
			}
			if _, err := os.Stat(args[0]); err != nil {
				return err
			}
			private, public, err := tlog.NewKey(name)
			if err != nil {
				return err
			}
			next := args[0] + journal.NextKey
			if err := newFile(next+".pub", public+"\n", 0o644); err != nil {
				return fmt.Errorf("a rotation is under way, see --finish: %w", err)
			}
			// Collectors look for this one: it must be there as a whole.
			made := next + ".new"
			if err := newFile(made, private+"\n"+public+"\n", 0o600); err != nil {
				return err
			}
			if err := os.Rename(made, next); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), public)
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", "spanwarden", "tells keys apart: letters, digits and ._-")
	cmd.Flags().BoolVar(&finish, "finish", false, "the new key becomes FILE; the old one is kept beside it")
	return cmd
}

// finishRotation moves the keys up. The old key is never without a name.
func finishRotation(cmd *cobra.Command, file string) error {
	next, old := file+journal.NextKey, file+journal.OldKey
	if _, err := os.Stat(next); err != nil {
		return fmt.Errorf("no rotation is under way: %w", err)
	}
	if _, err := os.Stat(old); err == nil {
		return fmt.Errorf("%s is there, of the rotation before: move it to where you keep old keys", old)
	}
	for _, step := range []func() error{
		func() error { return os.Link(file, old) },
		func() error { return os.Rename(next, file) },
		func() error { return os.Rename(next+".pub", file+".pub") },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is the new key; the old one is %s\n", file, old)
	return err
}

// newFile never replaces a file: it may be the only copy of a key.
func newFile(name, text string, mode os.FileMode) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Sync()
}

func newKeysShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show PLACE",
		Short: "Print public keys: of a key file, a .pub file or a directory with .pub files",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := publicKeys(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}
}

// publicKeys reads the public keys at a place, or the place itself is one.
func publicKeys(place string) (string, error) {
	info, err := os.Stat(place)
	if errors.Is(err, fs.ErrNotExist) && strings.Count(place, "+") >= 2 {
		return place + "\n", nil
	}
	if err != nil {
		return "", err
	}
	files := []string{place}
	if info.IsDir() {
		if files, err = filepath.Glob(filepath.Join(place, "*.pub")); err != nil {
			return "", err
		}
		if len(files) == 0 {
			return "", fmt.Errorf("%s: no file *.pub", place)
		}
	}
	var text strings.Builder
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		for line := range strings.SplitSeq(string(raw), "\n") {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "PRIVATE+KEY+") {
				text.WriteString(line + "\n")
			}
		}
	}
	return text.String(), nil
}

var errNoKey = errors.New("--key: missing; the public key of the collectors is wanted, from where nobody who can change the store can change it " +
	"(a file, a directory with .pub files, or the key itself)")

// readKeys reads all places; each key counts once.
func readKeys(places []string) ([]note.Verifier, error) {
	if len(places) == 0 {
		return nil, errNoKey
	}
	var keys []note.Verifier
	seen := map[string]bool{}
	for _, place := range places {
		text, err := publicKeys(place)
		if err != nil {
			return nil, fmt.Errorf("--key %s: %w", place, err)
		}
		some, err := tlog.Keys(text)
		if err != nil {
			return nil, fmt.Errorf("--key %s: %w", place, err)
		}
		for _, k := range some {
			name := fmt.Sprintf("%s+%08x", k.Name(), k.KeyHash())
			if !seen[name] {
				seen[name] = true
				keys = append(keys, k)
			}
		}
	}
	if len(keys) == 0 {
		return nil, errNoKey
	}
	return keys, nil
}

// readWitnesses reads the public keys of witnesses: each place is one, or a file
// with one a line.
func readWitnesses(places []string) ([]note.Verifier, error) {
	var keys []note.Verifier
	for _, place := range places {
		text, err := publicKeys(place)
		if err != nil {
			return nil, fmt.Errorf("--witness-key %s: %w", place, err)
		}
		for line := range strings.Lines(text) {
			k, err := tlog.NewWitness(line)
			if err != nil {
				return nil, fmt.Errorf("--witness-key: %w", err)
			}
			keys = append(keys, k)
		}
	}
	return keys, nil
}
