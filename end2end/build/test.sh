#!/usr/bin/env bash
# All that must hold before a change is done, in the order in which a failure shows soonest.
# Goes on after a failure, so that one run tells everything. The last line counts the tests,
# as `cargo test` and Playwright reported them; the exit code is 0 only where every step
# succeeded and at least one test of each kind ran.
set -uo pipefail
cd "$(dirname "$0")/../.."
LOGS=target/test-logs
rm -rf "$LOGS" && mkdir -p "$LOGS"
export CARGO_TERM_COLOR=never
# On a fresh machine nothing is built twice: what incremental builds keep would only cost, and
# so would what debuggers read.
if [ -n "${CI:-}" ]; then export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0; fi
bad=()

# step name command...
step() {
  local name=$1 began=$SECONDS; shift
  printf '\n== %s\n' "$name"
  if "$@" </dev/null 2>&1 | tee "$LOGS/$name.log"; then printf '== %s: fine (%d s)\n' "$name" $((SECONDS - began))
  else bad+=("$name"); printf '== %s: FAILED (%d s)\n' "$name" $((SECONDS - began)); fi
}

step setup ./setup.sh
step format make fmt-check
# Side by side, as each has long stretches that only one core can work on.
step site-and-lints make -j2 --keep-going --output-sync=target site clippy clippy-wasm
step rust-tests make rust-test
# The program that the Rust tests ran: it reads the site from its folder. An optimized one differs in
# speed alone, and takes longer to build than all browser tests take.
step browser-tests env SENTINEL_BIN="$PWD/target/debug/sentinel" make e2e

node end2end/build/count.mjs "$LOGS" ${bad[@]+"${bad[@]}"} | tee "$LOGS/summary"
