# The commands of the project; CONTRIBUTING.md says how long each takes.
SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help

.PHONY: help run test bench soak fuzz lint deny clean

help: ## These commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

run: ## Build and start the demo: a mail becomes a text on the handset page
	@tests/tools/install.sh build
	cargo build --locked -p postel
	target/debug/postel demo

test: ## Run every test, with what they need installed first
	@tests/tools/install.sh test
	cargo build --locked -p postel
	PATH="$(CURDIR)/target/tools/python/bin:/usr/sbin:$$PATH" \
		cargo test --locked --workspace --all-features --no-fail-fast -- --show-output 2>&1 | tee target/test.log
	@echo; grep -hE '^(conformance|forgery set|decision table|spf by section|killed|hostile inputs|full disk)' target/test.log

bench: ## Criterion for the rules, then mails per second beside smtp-sink and Mailrise (bench.py grow: how cost grows)
	@tests/tools/install.sh test
	cargo bench --locked -p postel-mail --bench mail
	cargo bench --locked -p postel-core --features testing --bench rules
	cargo bench --locked -p postel-auth --features testing --bench spf
	cargo build --locked --release -p postel -p postel-tests --bin postel --bin load
	tests/tools/bench.py load
	tests/tools/bench.py grow

SOAK_MINUTES ?= 30
soak: ## What takes long: SOAK_MINUTES (30) of load, three hundred power cuts, a million tampered mails, fuzzing
	@tests/tools/install.sh test
	cargo build --locked --release -p postel -p postel-tests --bin postel --bin load
	tests/tools/bench.py soak $(SOAK_MINUTES)
	cargo build --locked -p postel
	PATH="/usr/sbin:$$PATH" POSTEL_SOAK=1 cargo test --locked -p postel-auth --test dkim_views -- --show-output
	PATH="/usr/sbin:$$PATH" POSTEL_SOAK=1 cargo test --locked -p postel-tests --test faults killed -- --show-output
	$(MAKE) fuzz

FUZZ_SECONDS ?= 600
fuzz: ## Run each fuzz target for FUZZ_SECONDS (600); FUZZ_TARGETS="smtp spf" for some
	tests/tools/fuzz.sh $(FUZZ_SECONDS) $(FUZZ_TARGETS)

lint: ## Formatting and lints, warnings denied
	cargo fmt --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

deny: ## Licences, sources and bans of dependencies
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check bans licenses sources

clean: ## Remove everything that was built
	cargo clean
