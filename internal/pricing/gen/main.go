// Command gen rebuilds the generated part of the price book from the npm package
// that it pins. Developers run it; neither the build nor the collector does.
//
//	go run ./internal/pricing/gen -out internal/pricing/book/genai-prices.jsonl
package main

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const (
	packageName    = "@pydantic/genai-prices"
	packageVersion = "0.1.8"
	packageSHA512  = "h7CYw6qTyflG2zUndO8tXyL8Xopf+tX9JZu13h0ZFgeyYj+J2gm1edR4+R+mbQ2vPdkFjtTmmmu1cYQPM5/KTA=="
	checked        = "2026-09-24"
)

func main() {
	out := flag.String("out", "internal/pricing/book/genai-prices.jsonl", "file to write")
	dump := flag.String("dump", "internal/pricing/gen/dump.mjs", "script that prints the package's data")
	flag.Parse()
	if err := run(*out, *dump); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(out, dump string) (err error) {
	if dump, err = filepath.Abs(dump); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "prices")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	data, err := fetch(dir, dump)
	if err != nil {
		return err
	}
	var providers []provider
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&providers); err != nil {
		return fmt.Errorf("reading the package's data: %w", err)
	}
	text, err := convert(providers)
	if err != nil {
		return err
	}
	return os.WriteFile(out, text, 0o644)
}

// fetch packs, verifies and unpacks the package in dir and returns its data.
func fetch(dir, dump string) ([]byte, error) {
	if _, err := command(dir, "npm", "pack", "--silent", packageName+"@"+packageVersion); err != nil {
		return nil, err
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return nil, fmt.Errorf("npm pack left %d archives: %w", len(archives), err)
	}
	archive, err := os.ReadFile(archives[0])
	if err != nil {
		return nil, err
	}
	sum := sha512.Sum512(archive)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != packageSHA512 {
		return nil, fmt.Errorf("%s@%s: sha512 is %s, want %s", packageName, packageVersion, got, packageSHA512)
	}
	if _, err := command(dir, "tar", "xzf", archives[0]); err != nil {
		return nil, err
	}
	return command(dir, "node", dump)
}

func command(dir, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("running %s %s: %w", name, strings.Join(args, " "), err)
	}
	return out, nil
}

// convert writes a header line and one line for each entry, sorted by id.
func convert(providers []provider) ([]byte, error) {
	var lines []string
	var errs []error
	for _, p := range providers {
		for _, m := range p.Models {
			line, err := entryOf(p, m)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s/%s: %w", p.ID, m.ID, err))
				continue
			}
			lines = append(lines, string(line))
		}
	}
	slices.Sort(lines)
	head := fmt.Sprintf(`{"source":{"name":"genai-prices","version":%q,"checked":%q},"rows":%d}`, packageVersion, checked, len(lines))
	return []byte(head + "\n" + strings.Join(lines, "\n") + "\n"), errors.Join(errs...)
}
