#!/usr/bin/env bash
# Decodes ever new requests for MINUTES (10), led by what code they reach: libFuzzer, with the
# coverage that stable Rust's LLVM counts. What makes the decoder panic is written to
# target/fuzz/crashes, and the run fails; what reaches code that nothing kept reached is
# added to server/fuzz/corpus, for a commit. Needs a C++ compiler.
set -euo pipefail
cd "$(dirname "$0")"
TARGET="$(mkdir -p "${CARGO_TARGET_DIR:-../../target}/fuzz" && cd "${CARGO_TARGET_DIR:-../../target}/fuzz" && pwd)"
HOST=$(rustc -vV | sed -n 's/^host: //p')
COVERAGE="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing"
# With a target named, build scripts and macros are left as they are.
CARGO_TARGET_DIR="$TARGET" RUSTFLAGS="$COVERAGE" cargo build --release --quiet --target "$HOST"
DECODE="$TARGET/$HOST/release/decode"

mkdir -p "$TARGET/found" "$TARGET/crashes"
nice -n 19 "$DECODE" "$TARGET/found" corpus/decode -dict=decode.dict -max_len=4096 -timeout=10 \
  -max_total_time=$((60 * ${MINUTES:-10})) -artifact_prefix="$TARGET/crashes/" -print_final_stats=1
"$DECODE" -set_cover_merge=1 -use_counters=0 corpus/decode "$TARGET/found" 2>&1 | tail -n 1
