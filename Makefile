# `make demo` first; `make help` lists the rest.
SHELL := /bin/bash -eo pipefail
TOOL := go tool -modfile=internal/tools/go.mod
# The same source gives the same bytes, wherever it is built: no paths, no state of
# the checkout. The builder passes -trimpath itself.
export GOFLAGS := $(GOFLAGS) -buildvcs=false
GOBUILD := go build -trimpath
BUILDER := $(TOOL) builder --config builder-config.yaml --skip-strict-versioning=false

.PHONY: help demo run build build-gateway scale engine test oracles anchors race fuzz lint generate generate-check bench bench-nab bench-evidence bench-peer bench-growth dashboards conformance fault vuln sbom reproducible stranger prices clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: build engine ## send real agent traffic through it all and print what the audit store then knows
	@_build/spanwarden-demo

run: build engine ## leave the embedded store and the collector running
	@_build/spanwarden-demo --keep-running

build: ## the collector and the command-line tools, into _build
	@echo "building the collector (minutes the first time, seconds later) ..."
	@mkdir -p _build
	@$(BUILDER) 2>&1 | grep -E 'ERROR|Error|Compiled' || { echo "the collector did not build; run: $(BUILDER)"; exit 1; }
	@ln -sf otelcol/otelcol-spanwarden _build/otelcol-spanwarden
	@$(GOBUILD) -o _build/spanwarden ./cmd/spanwarden
	@$(GOBUILD) -o _build/spanwarden-demo ./cmd/spanwarden-demo

build-gateway: ## the gateway in front of several collectors, see docs/scale-out.md
	@mkdir -p _build
	@$(TOOL) builder --config builder-gateway.yaml --skip-strict-versioning=false 2>&1 | grep -E 'ERROR|Error|Compiled' || { echo "the gateway did not build"; exit 1; }
	@ln -sf gateway/otelcol-spanwarden-gateway _build/otelcol-spanwarden-gateway

scale: build engine build-gateway ## two governance collectors behind a gateway, one killed and replaced
	go test -count=1 ./test/scale

engine: build ## fetch the embedded ClickHouse engine, once
	@_build/spanwarden store install

test: build engine build-gateway ## the whole test suite
	go test -timeout 20m ./...

# Modules of their own, so that whoever takes a component of ours takes none of these.
oracles: build build-gateway ## against others: Cedar for policy, Alertmanager's own API, Grafana's and Kubernetes' types
	@for dir in internal/policy/cedartest exporter/alertmanagerexporter/amtest dashboards/gen test/deploy; do echo "$$dir"; (cd "$$dir" && go test -count=1 ./...) || exit 1; done

anchors: ## checkpoints against a real S3 server, witness and git remote, which are built first (minutes)
	cd internal/audit/anchor/anchortest && go test -count=1 ./...

race: engine ## the same under the race detector, but for what only asks the engine
	go test -race -short $$(go list ./... | grep -v /test/)
	go test -race -run InParallel ./exporter/clickhouseauditexporter

# A count: where it is a time, Go's fuzzer sometimes fails for being at its end.
FUZZTIME ?= 10000x
fuzz: ## every fuzz target for FUZZTIME inputs
	@grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r dir; do \
	  grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$$dir"/*_test.go | sed 's/func //' | while read -r target; do \
	    echo "$$dir $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$dir" </dev/null || exit 1; done || exit 1; done

lint: ## linters and formatting
	$(TOOL) golangci-lint run ./...
	$(TOOL) golangci-lint fmt --diff ./...

COMPONENTS := extension receiver processor connector exporter
generate: ## generated component code, metrics tables
	go generate $(COMPONENTS:%=./%/...)

generate-check: generate ## fail where generated files are not committed
	git diff --exit-code -- $(COMPONENTS)
	@test -z "$$(git status --porcelain -- $(COMPONENTS))" || { git status --short -- $(COMPONENTS); exit 1; }

bench: ## nanoseconds and allocations of every kernel (minutes; BENCH=regexp for some)
	go test -run '^$$' -bench '$(or $(BENCH),.)' -benchmem ./internal/... ./connector/... ./exporter/... ./processor/...

NAB ?= ../shared/benchmarks/nab
bench-nab: ## the baseline's own kernel on the Numenta Anomaly Benchmark (NAB=DIR)
	@test -d $(NAB) || { echo "no data at $(NAB); see test/bench/nab"; exit 1; }
	@mkdir -p _run/nab && tar -xzf $(NAB)/nab-tuning.tar.gz -C _run/nab && tar -xzf $(NAB)/nab-tuning-known-results.tar.gz -C _run/nab
	go run ./test/bench/nab -data _run/nab/data -windows _run/nab/labels/combined_windows.json -out _run/nab/scores -known _run/nab/results

bench-peer: build engine ## beside the contrib ClickHouse exporter: CPU, memory, bytes stored (minutes; ARGS="-h")
	@$(TOOL) builder --config test/bench/peer/builder.yaml --skip-strict-versioning=false 2>&1 | grep -E 'ERROR|Error|Compiled'
	@go run ./test/bench/peer $(ARGS)

EVIDENCE_ROWS ?= 5000000
bench-evidence: build engine ## seconds of every evidence query, on a store of a year (EVIDENCE_ROWS actions)
	go run ./test/bench/evidence -rows $(EVIDENCE_ROWS) $(ARGS)

bench-growth: ## what a span costs with 1,000 to 1,000,000 sessions, 10 to 10,000 agents and rules (minutes)
	@go run ./test/bench/growth $(ARGS)

dashboards: ## regenerate the Grafana dashboards, as after a change of an evidence query
	cd dashboards/gen && go run .

DOWN ?= 10s
fault: build engine ## kill, starve, fill and flood it, then close the books (DOWN=10m, FAULT=regexp for some)
	go run ./test/fault -down $(DOWN) -run '$(FAULT)'

vuln: build ## known vulnerabilities in what is called
	@.ci/vuln

sbom: build ## what the binaries are made of, CycloneDX JSON, into _build/sbom
	@mkdir -p _build/sbom
	@for binary in otelcol-spanwarden spanwarden; do \
	  go tool -modfile=internal/tools/supply/go.mod cyclonedx-gomod bin -json -noserial -version v0.1.0 -output _build/sbom/$$binary.cdx.json "$$(readlink -f _build/$$binary)" || exit 1; \
	  echo "_build/sbom/$$binary.cdx.json: $$(grep -c '"purl"' _build/sbom/$$binary.cdx.json) modules"; done

reproducible: ## build twice in different folders, once without a cache, and compare (CACHE=shared: quick)
	@.ci/reproducible

CORPUS ?= testdata/corpus
conformance: build engine ## replay recordings (CORPUS=DIR), compare what SQL says with their truth
	@_build/spanwarden-demo conformance $(CORPUS)

stranger: ## build somebody else's collector with one of our processors
	go test -count=1 -run TestStranger ./test/stranger -args -build

prices: ## regenerate the embedded price book (needs npm)
	go run ./internal/pricing/gen

clean: ## forget what was built and run
	rm -rf _build _run
