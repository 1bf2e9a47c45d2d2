// Command gen writes the Grafana dashboards beside this folder. It is a module of
// its own, so that whoever takes a component of spanwarden does not take Grafana's
// SDK. Run it in its folder: go run .
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	files, err := dashboards(filepath.Join("..", "..", "evidence"))
	for name, text := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join("..", name), text, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
