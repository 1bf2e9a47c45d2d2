package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/internal/audit/oplog"
)

// operatorFlags are those of every command that writes to the store: what people
// write is sealed in a log of their own.
type operatorFlags struct {
	state, key string
}

// envState is where programs of ours keep what must survive.
const envState = "SPANWARDEN_STATE"

func (o *operatorFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.state, "state", "", "where the operator's log and its key are kept: its folder operator (default $"+envState+", else that of the user)")
	f.StringVar(&o.key, "operator-key", "", "the key file that signs (default key in the folder; made when it is not there)")
}

func (o *operatorFlags) directory() (string, error) {
	state := o.state
	if state == "" {
		state = os.Getenv(envState)
	}
	if state == "" {
		var err error
		if state, err = userState(); err != nil {
			return "", fmt.Errorf("--state: %w", err)
		}
	}
	return filepath.Join(state, "operator"), nil
}

func userState() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "spanwarden"), nil
	}
	if runtime.GOOS != "linux" {
		dir, err := os.UserConfigDir()
		return filepath.Join(dir, "spanwarden"), err
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "state", "spanwarden"), err
}

// sessionWait is how long another call is waited for.
const sessionWait = time.Minute

// withSession gives f a connection to the store and the operator's log.
func (o *operatorFlags) withSession(cmd *cobra.Command, dsn, by string, f func(driver.Conn, *oplog.Session) error) error {
	dir, err := o.directory()
	if err != nil {
		return err
	}
	return withStore(cmd.Context(), dsn, func(conn driver.Conn, opts *clickhouse.Options) error {
		log, err := oplog.Open(cmd.Context(), conn, opts, oplog.Options{
			Directory: dir, KeyFile: o.key, By: by, Command: cmd.CommandPath(), Build: "spanwarden " + version(), Wait: sessionWait,
		})
		if err != nil {
			return err
		}
		if log.NewKey {
			cmd.PrintErrf("spanwarden: a new key was made, which signs what is written from here: %s\n"+
				"`spanwarden verify` wants it beside those of the collectors: --key %s\n", log.Public, dir)
		}
		return errors.Join(f(conn, log), log.Close(cmd.Context()))
	})
}
