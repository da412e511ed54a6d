#!/usr/bin/env bash
# Builds every crate from its package alone. Then builds and runs the README's program as a crate that depends only on the
# unpacked packages.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/emulation/common.sh
export CARGO_PROFILE_DEV_DEBUG=0 # These builds run once, without a debugger.

target=$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
# Cargo takes a package of some version for the same for ever: what it unpacked and compiled of an earlier one must go.
export CARGO_TARGET_DIR=$target/packages
rm -rf "$CARGO_TARGET_DIR" "${CARGO_HOME:-$HOME/.cargo}"/registry/src/-*/eightbit*-[0-9]*
packages=$CARGO_TARGET_DIR/package
# The tests' shared crate is not published, nor are the bindings as crates.
cargo package --workspace --exclude eightbit-testing --exclude eightbit-python --exclude eightbit-c --locked --allow-dirty

# The registry accepts 10 MiB. The built-in network is larger, so its crate needs the limit that is granted on request.
for file in "$packages"/*.crate; do
    size=$(stat -c %s "$file")
    echo "PACKAGE $(basename "$file") $size bytes"
    case $file in
    */eightbit-models-*) limit=$((20 << 20)) ;;
    *) limit=$((10 << 20)) ;;
    esac
    [ "$size" -le "$limit" ] || die "$file has $size bytes, more than $limit"
done

unpacked() {
    local found=("$packages/$1"-[0-9]*/)
    [ -f "${found[0]}Cargo.toml" ] || die "no unpacked package of $1 in $packages"
    echo "${found[0]}"
}
program=$packages/consumer
library=$(unpacked eightbit)
mkdir -p "$program/src"
sed -n '/^```rust/,/^```$/p' "${library}README.md" | sed '1d;$d' >"$program/src/main.rs"
grep -q 'assert_eq!(out' "$program/src/main.rs" || die "the README's program is not where it was"
# The versions that the package was built with.
cp "${library}Cargo.lock" "$program/Cargo.lock"
cat >"$program/Cargo.toml" <<EOF
[package]
name = "consumer"
edition = "2024"

[dependencies]
eightbit = { path = "$library" }

[patch.crates-io]
eightbit-kernels = { path = "$(unpacked eightbit-kernels)" }

[workspace]
EOF
CARGO_TARGET_DIR=$program/target cargo run --quiet --manifest-path "$program/Cargo.toml"
echo "PACKAGE the README's program runs with the packages alone"
