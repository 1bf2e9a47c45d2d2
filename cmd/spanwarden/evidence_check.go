package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/evidencepack"
)

func newEvidenceCheckCommand() *cobra.Command {
	var places []string
	cmd := &cobra.Command{
		Use:   "check PACK",
		Short: "Check a pack, folder or zip; no store is asked. Exit codes: 0 it is whole, 1 it is not, 3 it could not be told",
		Long: "Holds every file of a pack against its digest, and with --key the checkpoints of the ledger against their signatures. Whoever alters a pack can alter its\n" +
			"digests too: compare the digest printed here with the one that was told when the pack was made, or that the store has in evidence_runs.",
		Example: "  spanwarden evidence check october.zip --key collectors.pub",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			whole, err := checkPack(cmd, args[0], places)
			if err == nil && !whole {
				return leave(cmd, verify.Tampered, nil)
			}
			return leave(cmd, verify.OK, err)
		},
	}
	cmd.Flags().StringArrayVar(&places, "key", nil, "who is believed: a public key, a file with some, or a directory with .pub files")
	return cmd
}

func checkPack(cmd *cobra.Command, place string, places []string) (whole bool, err error) {
	var keys []note.Verifier
	if len(places) > 0 {
		if keys, err = readKeys(places); err != nil {
			return false, err
		}
	}
	pack, closer, err := openPack(place)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, closer()) }()
	c, err := evidencepack.Check(pack, keys)
	if err != nil {
		return false, err
	}
	_, err = fmt.Fprint(cmd.OutOrStdout(), toldOf(c, len(keys) > 0))
	return len(c.Wrong) == 0, err
}

// toldOf is what is printed of a checked pack.
func toldOf(c *evidencepack.Checked, believes bool) string {
	var b strings.Builder
	for _, w := range c.Wrong {
		fmt.Fprintln(&b, "WRONG", evidencepack.Visible(w))
	}
	if len(c.Wrong) > 0 {
		fmt.Fprintf(&b, "%d things are not as they should be; %d files are\n", len(c.Wrong), c.Files)
		return b.String()
	}
	fmt.Fprintf(&b, "The pack is whole: %d files are as its digests say. Made %s by %s; verification of the store: %s.\n",
		c.Files, c.Manifest.At.Format("2006-01-02 15:04:05 UTC"), evidencepack.Visible(c.Manifest.By), evidencepack.Visible(c.Manifest.Verified))
	switch {
	case !believes:
		b.WriteString("The signatures of the ledger's checkpoints were not checked: no --key was given.\n")
	case len(c.Signed) == 0:
		b.WriteString("The pack has no checkpoint of a ledger.\n")
	default:
		fmt.Fprintf(&b, "%d checkpoints are signed by the keys given.\n", len(c.Signed))
	}
	fmt.Fprintf(&b, "SHA256SUMS has sha256:%s\n", c.Digest)
	return b.String()
}

func openPack(place string) (fs.FS, func() error, error) {
	info, err := os.Stat(place)
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		return os.DirFS(place), func() error { return nil }, nil
	}
	z, err := zip.OpenReader(place)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", place, err)
	}
	return z, z.Close, nil
}
