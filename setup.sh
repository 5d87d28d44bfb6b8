#!/usr/bin/env bash
# Brings a machine to the point where `make` can build and test Sentinel.
#
#   ./setup.sh            everything: what `make build` needs, and what the tests need besides
#   ./setup.sh build      only what `make build` needs
#   ./setup.sh services   only what tests start: Redis, what speaks MongoDB's protocol, balancers, Schemathesis
#
# Safe to repeat; says nothing but "ready" when there is nothing to do. The ordinary way
# is tried first (rustup's wasm target, Playwright's own Chromium). Where their download
# sites cannot be reached, Debian's packages serve: SENTINEL_SETUP=debian asks for those
# at once. Which compiler was chosen is kept in target/toolchain.env, so that every later
# call uses the same one.
set -euo pipefail
cd "$(dirname "$0")"

WANT=${1:-all}
LOG=target/setup.log
CHOICE=target/toolchain.env
WASM=wasm32-unknown-unknown
DEBIAN_RUST="rustc-web cargo-web rust-web-src rust-web-llvm lld-22 rust-web-clippy rustfmt-web"
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
# For building tools that run for seconds: what counts is how soon they are built.
CHEAP="CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 CARGO_PROFILE_RELEASE_LTO=off
       CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_STRIP=true"
mkdir -p target
: >"$LOG"

now() { date +%s%N; }
seconds_since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f s", (b - a) / 1e9 }'; }
say() { printf 'setup: %s\n' "$*"; }
die() { say "$1" >&2; shift; for line in "$@"; do printf '       %s\n' "$line" >&2; done; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# try "what" command...: runs it into the log; prints what and how long; its success is the answer.
try() {
  local what=$1 began; shift
  began=$(now)
  printf 'setup: %s ... ' "$what"
  printf '\n== %s: %s\n' "$what" "$*" >>"$LOG"
  if "$@" >>"$LOG" 2>&1 </dev/null; then printf 'done (%s)\n' "$(seconds_since "$began")"
  else printf 'no (%s)\n' "$(seconds_since "$began")"; return 1; fi
}
# need "what" command...: the same, and without it there is no going on.
need() {
  try "$@" && return
  tail -n 25 "$LOG" >&2
  die "could not do: $1" "The whole output is in $LOG."
}

# apt-get as root, or as whoever may become root without being asked.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif have sudo && sudo -n true 2>/dev/null; then sudo -n "$@"; else return 1; fi
}
apt_install() { as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; }

version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# --- basics -----------------------------------------------------------------------------

basics() {
  have cc || have gcc || have clang || die "a C compiler is needed (SQLite is built in)" "Debian: apt-get install build-essential    macOS: xcode-select --install"
  have node && have npm || die "Node.js 20 or newer is needed" "See nodejs.org, or your system's package."
  version_at_least "$(node -p process.versions.node)" 20 || die "Node.js 20 or newer is needed, this is $(node --version)"
}

# --- the compiler -------------------------------------------------------------------------

RUST_WANTED=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

rust_new_enough() { local v; v=$(rustc --version 2>/dev/null | awk '{ print $2 }') && [ -n "$v" ] && version_at_least "$v" "$RUST_WANTED"; }
has_wasm_std() { ls "$(rustc --print sysroot)/lib/rustlib/$WASM/lib/"libstd-*.rlib >/dev/null 2>&1; }
rust_ready() { have cargo && rust_new_enough && has_wasm_std; }
choose() { printf '# Written by setup.sh: the one compiler of this tree.\n%s\n' "$1" >"$CHOICE"; }

ordinary_rust() {
  have rustup || return 1
  if ! rust_new_enough; then
    try "Rust $RUST_WANTED or newer by rustup" rustup toolchain install stable --profile minimal -c clippy -c rustfmt || return 1
    export RUSTUP_TOOLCHAIN=stable
  fi
  has_wasm_std || try "Rust for the browser by rustup" rustup target add "$WASM" || return 1
  rust_ready && choose "${RUSTUP_TOOLCHAIN:+RUSTUP_TOOLCHAIN=$RUSTUP_TOOLCHAIN}"
}

# Debian ships a newer compiler for building its browsers, with everything but the compiled
# standard library for wasm32, which its own source package lets us build.
debian_rust() {
  have apt-get || die "Rust $RUST_WANTED with the $WASM target is needed" "Install rustup (rustup.rs), then run this again."
  local rustc=/usr/bin/rustc
  if ! { [ -x $rustc ] && [ -x /usr/bin/cargo-clippy ] && [ -x /usr/bin/rustfmt ] && [ -d /usr/lib/rustlib/src/rust ] \
      && version_at_least "$($rustc --version | awk '{ print $2 }')" "$RUST_WANTED"; }; then
    try "Debian's Rust" apt_install $DEBIAN_RUST || die "Debian's Rust packages are needed; as root:" "apt-get install --no-install-recommends $DEBIAN_RUST"
  fi
  local chosen=
  if have rustup; then
    rustup toolchain list 2>/dev/null | grep -q '^debian\b' || need "naming Debian's Rust for rustup" rustup toolchain link debian /usr
    chosen=RUSTUP_TOOLCHAIN=debian
    export RUSTUP_TOOLCHAIN=debian
  fi
  has_wasm_std || need "standard library for the browser" build_wasm_std
  rust_ready || die "Debian's Rust is there but does not work" "Try: rustc --version; the output so far is in $LOG."
  choose "$chosen"
}

build_wasm_std() {
  local scratch dest="/usr/lib/rustlib/$WASM/lib"
  scratch=$(mktemp -d)
  cargo init --quiet --lib --vcs none --name scratch "$scratch" || return 1
  (cd "$scratch" && RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$scratch/target" RUSTFLAGS='' \
    cargo build --release -Zbuild-std=std,panic_abort,panic_unwind,test --target "$WASM") || return 1
  rm -f "$scratch/target/$WASM/release/deps/"libscratch*
  if ! { as_root mkdir -p "$dest" && as_root cp "$scratch/target/$WASM/release/deps/"lib*.rlib "$dest/"; }; then
    echo "root is needed to write $dest"
    return 1
  fi
  rm -rf "$scratch"
}

rust() {
  if [ -f "$CHOICE" ]; then
    # shellcheck disable=SC1090
    set -a; . "./$CHOICE"; set +a
    if [ "${SENTINEL_SETUP:-}" != debian ] || grep -q debian "$CHOICE"; then rust_ready && return; fi
    unset RUSTUP_TOOLCHAIN
  fi
  if [ "${SENTINEL_SETUP:-}" != debian ]; then ordinary_rust && return; fi
  debian_rust
}

# --- wasm-bindgen: exactly the version the lock file names, else its output does not fit ----

bindgen() {
  local wanted; wanted=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/"/, "", $3); print $3 }' Cargo.lock)
  fits() { [ "$(wasm-bindgen --version 2>/dev/null)" = "wasm-bindgen $wanted" ]; }
  fits && return
  if have cargo-binstall && try "wasm-bindgen $wanted, prebuilt" cargo binstall --no-confirm --disable-strategies compile "wasm-bindgen-cli@$wanted" && fits; then return; fi
  # Not --locked: the lock it was published with may name versions that were withdrawn since.
  need "wasm-bindgen $wanted, from source (about two minutes)" env $CHEAP CARGO_TARGET_DIR="$PWD/target/tools" cargo install --quiet wasm-bindgen-cli --version "$wanted"
  rm -rf target/tools
  fits || die "wasm-bindgen $wanted was installed, but another one is first on PATH: $(command -v wasm-bindgen)"
}

# --- wasm-split: takes the wasm apart into what comes first and what comes later -------------

WASM_SPLIT=0.2.4
wasm_split() {
  fits() { "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" install --list 2>/dev/null | grep -q "^wasm_split_cli_support v$WASM_SPLIT:"; }
  fits && return
  need "wasm-split $WASM_SPLIT, from source (about a minute)" env $CHEAP CARGO_TARGET_DIR="$PWD/target/tools" cargo install --quiet wasm_split_cli_support --version "$WASM_SPLIT" --features build-binary
  rm -rf target/tools
}

# --- npm: wasm-opt, the style sheet's bundler, Leaflet, Playwright --------------

npm_tools() {
  cmp -s end2end/package-lock.json end2end/node_modules/.installed.json && return
  need "npm tools" npm --prefix end2end ci --no-audit --no-fund
  cp end2end/package-lock.json end2end/node_modules/.installed.json
}

# --- a browser for the tests -------------------------------------------------------------------

browser() {
  local which="node end2end/build/chromium.mjs"
  $which >/dev/null && return
  if [ "${SENTINEL_SETUP:-}" != debian ]; then
    try "Chromium by Playwright" npm --prefix end2end exec -- playwright install chromium --no-shell || true
    $which >/dev/null && return
  fi
  if have apt-get; then try "Debian's Chromium" apt_install chromium || true; fi
  $which >/dev/null || die "the browser tests need Chromium; as root:" "apt-get install chromium" "or set SENTINEL_CHROMIUM to one that is there."
}

# --- servers that tests start: Redis, two that speak MongoDB's protocol, balancers --------------
# What cannot be had is said and done without: the tests that need it are counted as skipped. Not so the one that
# holds the server to its API document: it fails.

CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/sentinel"
FERRETDB=1.24.0
MONGO_JAVA=1.47.0
SCHEMATHESIS=4.32.5

# missing "what" "how to get it": loud, and no reason to fail here. Tests are done without, but for one.
missing() { printf 'setup: MISSING %s: tests that need it will %s\n       %s\n' "$1" "${3:-be SKIPPED}" "$2" >&2; }

services() {
  redis || missing "redis-server and redis-cli" "Debian, as root: apt-get install redis-server    macOS: brew install redis"
  ferretdb || missing "FerretDB $FERRETDB (MongoDB's protocol, on SQLite)" "It is built with Go 1.22 or newer (go.dev); TEST_MONGODB_URI names a MongoDB to use in its place."
  balancers || missing "nginx, haproxy and caddy" "Debian, as root: apt-get install nginx-light haproxy caddy    macOS: brew install nginx haproxy caddy"
  schemathesis || missing "Schemathesis $SCHEMATHESIS (the API against its document)" "It needs Python 3.10 or newer with venv and pip. Debian, as root: apt-get install python3-venv" FAIL
  mongo_java || missing "mongo-java-server $MONGO_JAVA (MongoDB's protocol, in memory)" "It needs a JDK 11 or newer and Maven; TEST_MONGODB_URI names a MongoDB to use in its place."
}

redis() {
  have redis-server && have redis-cli && return
  have apt-get && try "Debian's redis-server, without starting its service" apt_install_stopped redis-server && have redis-server
}
# Tests start servers of their own: the system's service is neither started now nor at the next boot.
apt_install_stopped() {
  local policy=/usr/sbin/policy-rc.d ours= code=0
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy && as_root chmod +x $policy || return 1
    ours=yes
  fi
  apt_install "$@" || code=$?
  [ -z "$ours" ] || as_root rm -f $policy
  if [ $code = 0 ]; then
    for service in "${@%-light}"; do
      as_root update-rc.d "$service" disable || as_root systemctl disable "$service" || true
    done
  fi
  return $code
}

balancers() {
  have_balancers && return
  have apt-get && try "Debian's nginx, haproxy and caddy, without starting their services" apt_install_stopped nginx-light haproxy caddy openssl && have_balancers
}
# Debian has servers where only root looks for programs.
have_balancers() { local PATH="$PATH:/usr/sbin"; have openssl && have nginx && have haproxy && have caddy; }

ferretdb() {
  [ -x "$CACHE/ferretdb-$FERRETDB/ferretdb" ] && return
  have go && try "FerretDB $FERRETDB, from source (about two minutes)" build_ferretdb
}
# Not `go install`: the binary wants a version.txt that is no part of the published module. Everything
# Go writes goes to a scratch folder; the sum in the module's own go.sum checks what it needs.
build_ferretdb() {
  local scratch module dest="$CACHE/ferretdb-$FERRETDB"
  scratch=$(mktemp -d)
  (
    export GOPATH="$scratch/go" GOCACHE="$scratch/cache" GOFLAGS=-modcacherw
    cd "$scratch" && printf 'module scratch\n\ngo 1.22\n' >go.mod &&
      module=$(go mod download -json "github.com/FerretDB/FerretDB@v$FERRETDB" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p') &&
      [ -n "$module" ] && cp -r "$module" source && cd source && echo "v$FERRETDB" >build/version/version.txt &&
      go build -buildvcs=false -trimpath -tags ferretdb_no_postgresql -ldflags='-s -w' -o "$scratch/built" ./cmd/ferretdb &&
      mkdir -p "$dest" && install -m 755 "$scratch/built" "$dest/ferretdb.new" && mv "$dest/ferretdb.new" "$dest/ferretdb"
  ) || { rm -rf "$scratch"; return 1; }
  rm -rf "$scratch"
}

# In an environment of its own: nothing of the system's Python is touched.
schemathesis() {
  local dest="$CACHE/schemathesis"
  fits() { [ "$("$dest/bin/st" --version 2>/dev/null)" = "st, version $SCHEMATHESIS" ]; }
  fits && return
  # Debian keeps what makes environments in a package of its own.
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null && have apt-get; then
    try "Debian's Python with venv" apt_install python3 python3-venv || true
  fi
  have python3 && try "Schemathesis $SCHEMATHESIS, by pip" make_schemathesis "$dest" && fits
}
make_schemathesis() {
  rm -rf "$1" && python3 -m venv "$1" && "$1/bin/pip" install --quiet --no-compile --disable-pip-version-check "schemathesis==$SCHEMATHESIS"
}

mongo_java() {
  local dest="$CACHE/mongo-java-server-$MONGO_JAVA"
  [ -f "$dest/launcher.jar" ] && diff -rq server/services/java "$dest/source" >/dev/null 2>&1 && return
  have javac && have jar && have mvn && try "mongo-java-server $MONGO_JAVA, by Maven" build_mongo_java "$dest"
}
build_mongo_java() {
  local dest=$1 source=server/services/java
  local made=$dest.made
  rm -rf "$made" && mkdir -p "$made" &&
    mvn -B -q -f $source/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$made" &&
    javac -cp "$made/*" -d "$made/classes" $source/*.java &&
    jar cf "$made/launcher.jar" -C "$made/classes" . && cp -r $source "$made/source" &&
    rm -rf "$made/classes" "$dest" && mv "$made" "$dest"
}

case $WANT in all | build | services) ;; *) die "unknown part '$WANT': all, build or services" ;; esac
BEGAN=$(now)
if [ "$WANT" != services ]; then
  basics
  rust
  npm_tools
  bindgen
  wasm_split
fi
[ "$WANT" = all ] && browser
[ "$WANT" != build ] && services
say "ready ($(seconds_since "$BEGAN"))"
