# Forebay's two commands: make demo, make test. One feature set for every build of the workspace.
SHELL := bash
FEATURES := --features full
OPTIMISED := cargo build --locked --release --features forebay/full
DEMO_SECONDS ?= 20
.DEFAULT_GOAL := help

.PHONY: help setup kafka registry prometheus onnxruntime python clients chromium lint test test-long test-containers demo drift test-features bench bench-parts reference counted counted-metrics clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: ## what a build needs: compilers, headers
	@echo "==> build tools"
	@scripts/setup.sh

kafka: ## a real Apache Kafka for the tests, into the cache
	@echo "==> Apache Kafka"
	@scripts/fetch-kafka.sh

registry: ## a real schema registry for the tests, into the cache
	@echo "==> Apicurio Registry"
	@scripts/fetch-registry.sh

prometheus: ## a real Prometheus, promtool and Alertmanager for the tests, into the cache
	@echo "==> Prometheus and Alertmanager"
	@scripts/fetch-prometheus.sh

onnxruntime: ## ONNX Runtime's shared library, into the cache
	@echo "==> ONNX Runtime"
	@scripts/fetch-onnxruntime.sh

python: setup ## the Python packages that tests need, into the cache
	@echo "==> Python packages"
	@scripts/fetch-python.sh examples/export/requirements.txt >/dev/null
	@scripts/fetch-python.sh tests/schema/requirements.txt >/dev/null
	@scripts/fetch-python.sh tests/clients/requirements.txt >/dev/null
	@scripts/fetch-python.sh tests/drift/requirements.txt >/dev/null

clients: setup ## the jars of the Java clients that tests need, into the cache
	@echo "==> Java clients"
	@scripts/fetch-clients.sh serdes >/dev/null
	@scripts/fetch-clients.sh connect >/dev/null

chromium: setup ## a browser for the tests of the page
	@echo "==> Chromium"
	@scripts/chromium.sh

lint: setup ## formatting and clippy
	@echo "==> rustfmt and clippy"
	@cargo fmt --all --check
	@cargo clippy --workspace $(FEATURES) --all-targets --quiet -- -D warnings

test-features: setup ## each kind of connector built by itself: no other cloud's SDK, one TLS stack for HTTP
	@echo "==> one kind at a time"
	@scripts/test-features.sh --check

test: setup kafka registry prometheus onnxruntime python clients chromium ## every test, but for those that take minutes
	@echo "==> the dependency tree of each kind"
	@scripts/test-features.sh
	@echo "==> building the tests (some minutes when cold)"
	@cargo test --locked --workspace $(FEATURES) --no-run
	@echo "==> running the tests"
	@cargo test --locked --no-fail-fast --workspace $(FEATURES) --quiet -- --skip long:: --test-threads=3

test-long: setup kafka registry prometheus onnxruntime ## the tests that take minutes: joins, kills, freezes, brokers that stop
	@scripts/fetch-python.sh tests/drift/requirements-evidently.txt >/dev/null
	@echo "==> running the long tests"
	@cargo test --workspace $(FEATURES) --test it -- long:: --test-threads=1 --nocapture

test-containers: setup kafka registry onnxruntime ## test brokers in containers; starts an engine and makes an image where there is none
	@echo "==> building the tests (some minutes when cold)"
	@cargo test --locked --workspace $(FEATURES) --lib --test it --no-run
	@echo "==> Docker's engine and an image"
	@scripts/docker-engine.sh scripts/test-containers.sh --workspace $(FEATURES)

demo: setup onnxruntime ## a real model scores real telemetry on an embedded cluster
	@echo "==> building (some minutes when cold)"
	@$(OPTIMISED) -p forebay
	@echo "==> demo, $(DEMO_SECONDS) s"
	@target/release/forebay demo examples/sensors/pipeline.yaml --seconds $(DEMO_SECONDS)

drift: setup onnxruntime ## the figures of docs/drift.md, and scores beside Evidently's (a gigabyte of Python)
	@scripts/fetch-python.sh tests/drift/requirements-evidently.txt >/dev/null
	@cargo test --locked --workspace $(FEATURES) --test it -- drift::long --nocapture

bench: setup kafka onnxruntime ## what a record costs, beside others, on a real Kafka (BENCH=quick for 5 minutes)
	@echo "==> building (some minutes when cold)"
	@$(OPTIMISED) -p forebay -p forebay-bench
	@BENCH_PYTHON=$$(scripts/fetch-python.sh bench/systems/python/requirements.txt) target/release/forebay-bench run \
	    $(if $(filter quick,$(BENCH)),--quick --out target/bench) $(BENCH_OPTIONS)

bench-parts: setup onnxruntime ## the codecs beside arrow-json, arrow-avro and others; a lane beside its parts; a scrape
	@cargo bench $(FEATURES) -p forebay-core -p forebay -p forebay-bench --bench json --bench avro --bench schemas --bench sensors
	@$(OPTIMISED) -p forebay -p forebay-bench
	@target/release/forebay-bench scrape

reference: ## what is made of the types anew: docs/reference.md, docs/metrics.md, the rules and the dashboard in deploy
	@UPDATE=1 cargo test $(FEATURES) --workspace --quiet --test it -- reference

counted: setup onnxruntime ## instructions a record of each workload, beside the baseline (UPDATE=1 writes it anew)
	@command -v valgrind >/dev/null || scripts/packages.sh valgrind
	@echo "==> building (some minutes when cold)"
	@cargo build --locked --release -p forebay-counted
	@echo "==> counting"
	@target/release/counted $(if $(UPDATE),--update)

counted-metrics: setup onnxruntime ## what metrics and drift cost: workload T without and with them
	@command -v valgrind >/dev/null || scripts/packages.sh valgrind
	@echo "==> building twice (some minutes when cold)"
	@cargo build --locked --release -p forebay-counted --features unmeasured
	@cp target/release/counted target/release/counted-unmeasured
	@cargo build --locked --release -p forebay-counted
	@echo "==> counting"
	@target/release/counted --unmeasured target/release/counted-unmeasured

clean: ## what was built here
	@cargo clean
