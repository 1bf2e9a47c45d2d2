// Command authzen sends a file of test vectors to an AuthZEN policy decision
// point and says which hold.
//
//	go run ./test/authzen -base https://127.0.0.1:4320 -vectors authzen.json
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/test/authzen/runner"
)

func main() {
	code, err := run(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "authzen:", err)
	}
	os.Exit(code)
}

// Exit codes: 0 every vector that applies holds, 1 one does not, 2 it could not
// be run.
func run(args []string, out io.Writer) (int, error) {
	flags := flag.NewFlagSet("authzen", flag.ContinueOnError)
	base := flags.String("base", "http://127.0.0.1:4320", "address of the decision point, without a final slash")
	vectors := flags.String("vectors", "", "file of vectors")
	ca := flags.String("ca", "", "PEM file of the authority that signed the decision point's certificate")
	insecure := flags.Bool("insecure", false, "do not check the certificate")
	bearer := flags.String("token", "", "bearer token")
	verbose := flags.Bool("v", false, "a line for each vector")
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	raw, err := os.ReadFile(*vectors)
	if err != nil {
		return 2, err
	}
	suite, err := runner.Parse(raw)
	if err != nil {
		return 2, fmt.Errorf("%s: %w", *vectors, err)
	}
	client, err := httpClient(*ca, *insecure)
	if err != nil {
		return 2, err
	}
	r := &runner.Runner{Base: strings.TrimSuffix(*base, "/"), Client: client, Header: http.Header{}}
	if *bearer != "" {
		r.Header.Set("Authorization", "Bearer "+*bearer)
	}
	return report(out, r.Run(context.Background(), suite), *verbose), nil
}

func httpClient(ca string, insecure bool) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure} //nolint:gosec // asked for by a flag
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate", ca)
		}
	}
	const patience = 10 * time.Second
	return &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: config}}, nil
}

// report prints what failed and a line for each level. Nothing can be done about an
// output that takes nothing.
func report(w io.Writer, results []runner.Result, verbose bool) int {
	var out strings.Builder
	defer func() { _, _ = io.WriteString(w, out.String()) }()
	type tally struct{ pass, fail, skip int }
	levels := map[string]*tally{}
	var order []string
	code := 0
	for _, r := range results {
		t := levels[r.Level]
		if t == nil {
			t = &tally{}
			levels[r.Level] = t
			order = append(order, r.Level)
		}
		switch r.Outcome {
		case runner.Passed:
			t.pass++
		case runner.Skipped:
			t.skip++
		case runner.Failed:
			t.fail++
			code = 1
		}
		if verbose || r.Outcome != runner.Passed {
			fmt.Fprintf(&out, "%s %-26s %s%s\n", r.Outcome, r.Vector.ID, r.Vector.Name, strings.Join(slices.Concat([]string{""}, r.Notes), "\n       "))
		}
	}
	total := tally{}
	for _, level := range order {
		t := levels[level]
		fmt.Fprintf(&out, "%-20s %3d pass %3d fail %3d skipped\n", level, t.pass, t.fail, t.skip)
		total.pass, total.fail, total.skip = total.pass+t.pass, total.fail+t.fail, total.skip+t.skip
	}
	fmt.Fprintf(&out, "%-20s %3d pass %3d fail %3d skipped\n", "all", total.pass, total.fail, total.skip)
	return code
}
