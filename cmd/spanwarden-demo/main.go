// Command spanwarden-demo runs the real collector and the real embedded store
// and sends recorded agent traffic through them: as a demonstration, as a place
// to try queries, and as a conformance run against recordings with a truth.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/internal/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "spanwarden-demo:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

// settings are the flags that all subcommands share.
type settings struct {
	bin, config, state string
}

func newCommand() *cobra.Command {
	var (
		s      settings
		keep   bool
		corpus string
	)
	root := &cobra.Command{
		Use:           "spanwarden-demo",
		Short:         "Send recorded agent traffic through the collector and print what the audit store then knows",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if keep {
				return keepRunning(cmd.Context(), &s)
			}
			return demo(cmd.Context(), &s, corpus)
		},
	}
	root.PersistentFlags().StringVar(&s.bin, "bin", "_build", "folder of the built binaries")
	root.PersistentFlags().StringVar(&s.config, "config", "configs/spanwarden.yaml", "collector configuration")
	root.PersistentFlags().StringVar(&s.state, "state", "_run", "folder for the store, the queue and the logs")
	root.Flags().BoolVar(&keep, "keep-running", false, "start store and collector on their default ports and stay")
	root.Flags().StringVar(&corpus, "corpus", "testdata/corpus", "folder of recordings to send")
	root.AddCommand(newConformanceCommand(&s))
	return root
}

// named returns an environment variable, or what to say where it is not set.
func named(env, otherwise string) string { return cmp.Or(os.Getenv(env), otherwise) }

// keepRunning is `make run`.
func keepRunning(ctx context.Context, s *settings) error {
	st, err := stack.New(stack.Options{
		Bin: s.bin, Config: s.config, State: filepath.Join(s.state, "run"), Ports: stack.DefaultPorts,
	})
	if err != nil {
		return err
	}
	if err := st.Start(ctx); err != nil {
		_ = st.Stop() // the first error is the one to show
		return err
	}
	fmt.Printf(`Running; Ctrl-C stops it.

  OTLP        grpc 127.0.0.1:4317   http 127.0.0.1:4318    (OTEL_EXPORTER_OTLP_ENDPOINT=%s)
  may I?      http 127.0.0.1:4320   gRPC (Envoy) 127.0.0.1:4321
  audit store %s
  health      http://127.0.0.1:13133/      own metrics http://127.0.0.1:8888/metrics
  logs        %s

Budgets: %s   registry: %s   Alertmanager: %s
_build/spanwarden halt list, query list, finding list, chain show, policy check: see --help.

Ask it, for example, what each agent did and cost today:

  curl 'http://127.0.0.1:8123/?database=spanwarden' --data-binary "
    SELECT agent_name, count() AS actions, sum(input_tokens) AS input, sum(cost_usd) AS usd
    FROM ev_actions(period_start = now() - INTERVAL 1 DAY, period_end = now())
    GROUP BY agent_name ORDER BY usd DESC FORMAT PrettyCompact"

`, st.OTLP(), st.DSN(), filepath.Join(s.state, "run"),
		named("SPANWARDEN_BUDGETS", "none (set SPANWARDEN_BUDGETS)"), named("SPANWARDEN_REGISTRY", "none (set SPANWARDEN_REGISTRY)"), st.Alertmanager())
	<-ctx.Done()
	fmt.Println("\nstopping ...")
	return st.Stop()
}
