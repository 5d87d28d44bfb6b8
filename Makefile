# Sentinel's tasks; `make` alone lists them. Needs make, a C compiler, Node.js and rustup (or Debian).

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

# The compiler that setup.sh chose: one for everything, as proc macros of another are refused.
-include target/toolchain.env
ifdef RUSTUP_TOOLCHAIN
export RUSTUP_TOOLCHAIN
endif
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

TARGET := $(or $(CARGO_TARGET_DIR),target)
WASM := wasm32-unknown-unknown
SITE := target/site
DATA ?= data/demo
LISTEN ?= 127.0.0.1:3000
SHOTS ?= target/shots
# Linted and tested together, so that they are compiled once; the browser's side apart,
# because Leptos' ssr and hydrate features exclude each other.
NATIVE := -p sentinel-model -p sentinel-app -p sentinel-fleet -p sentinel-services -p sentinel-server

.PHONY: help
help: ## what can be done here
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

# --- get ready -------------------------------------------------------------------------

.PHONY: setup setup-build
setup: ## everything the build and the tests need, on a fresh machine
	@./setup.sh
setup-build:
	@./setup.sh build

# --- build: wasm, then the site, then the server that carries the site inside it -----------
# Each step runs in a make of its own, so that it sees what the step before chose or made.

.PHONY: build
build: setup-build ## target/release/sentinel, with the browser's side in it
	@$(MAKE) site
	cargo build --release -p sentinel-server

.PHONY: site
site: target/made/browser.wasm
	@node end2end/build/site.mjs

RAW_BROWSER := $(TARGET)/$(WASM)/browser/sentinel_frontend.wasm
RAW_DEV := $(TARGET)/$(WASM)/debug/sentinel_frontend.wasm

# What is taken apart afterwards keeps the linker's notes of where things are.
LINK := cargo rustc -p sentinel-frontend --lib --target $(WASM)
FOR_SPLIT := -- -C link-arg=--emit-relocs

# Cargo knows whether there is anything to do; make goes on only where the file is a new one.
.PHONY: always
always:
$(RAW_BROWSER): always
	$(LINK) --profile browser $(FOR_SPLIT)
$(RAW_DEV): always
	$(LINK) $(FOR_SPLIT)

# The two kinds of wasm go to one place: each takes the other's mark away; nothing there, no mark.
ifeq ($(wildcard $(SITE)/pkg/sentinel_bg.wasm),)
$(shell rm -f target/made/browser.wasm target/made/dev.wasm)
endif
target/made/browser.wasm: $(RAW_BROWSER) Makefile end2end/build/wasm.mjs end2end/build/imports.mjs Cargo.lock end2end/package-lock.json
	@mkdir -p $(@D) && rm -f target/made/dev.wasm
	node end2end/build/wasm.mjs $< --small
	@touch $@
target/made/dev.wasm: $(RAW_DEV) end2end/build/wasm.mjs
	@mkdir -p $(@D) && rm -f target/made/browser.wasm
	node end2end/build/wasm.mjs $<
	@touch $@

# --- run -------------------------------------------------------------------------------

.PHONY: run dev
run: build ## build all, start the demo on http://127.0.0.1:3000
	target/release/sentinel serve --demo --listen $(LISTEN) --data $(DATA)

dev: setup-build ## the same, quickly built and slow to run
	@$(MAKE) dev-site
	cargo run -p sentinel-server -- serve --demo --listen $(LISTEN) --data $(DATA)

.PHONY: dev-site
dev-site: target/made/dev.wasm
	@node end2end/build/site.mjs --no-brotli

# --- is it sound? ------------------------------------------------------------------------

.PHONY: check fmt-check clippy clippy-wasm
check: setup-build ## format and lints of both sides, in seconds
	@$(MAKE) fmt-check clippy clippy-wasm

fmt-check:
	cargo fmt --all --check
clippy:
	@mkdir -p $(SITE)
	cargo clippy $(NATIVE) --all-targets -- -D warnings
clippy-wasm:
	cargo clippy -p sentinel-frontend --target $(WASM) -- -D warnings

.PHONY: test
test: ## every check and every test; ends with their count
	@end2end/build/test.sh

.PHONY: rust-test e2e fuzz shots
rust-test:
	@mkdir -p $(SITE)
	cargo test $(NATIVE) --no-fail-fast
e2e: ## only the browser tests of what is built; make e2e ARGS="-g search"
	@cd end2end && npm exec -- playwright test $(ARGS)
fuzz: setup-build ## ever new requests against the decoder; MINUTES=10 make fuzz
	server/fuzz/run.sh
shots: setup build ## pictures of all pages, sizes and themes, into SHOTS
	@cd end2end && SENTINEL_SHOTS=$(abspath $(SHOTS)) npm exec -- playwright test --project shots
