#!/usr/bin/env bash
# Estimates the speed of the inner loops on other cores: static analysis with llvm-mca, compared with the limit of the
# multiplying ports. Nothing is executed.
#
#   benches/mca/run.sh [aarch64] [x86_64]        (default: both)
#
# The tables are in Markdown; target/mca/ARCHITECTURE.csv has the same figures. The exit status does not depend on them. For Debian
# 12 on x86-64: installs its newest llvm, and for aarch64 the cross compiler of tests/emulation.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/emulation/common.sh
LLVM=22

# assembly ARCHITECTURE: compiles the kernels as one unit, so that one file has them all, and prints its path. Writes the registry.
assembly() (
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/mca
    if [ "$1" != "$(uname -m)" ]; then
        tests/emulation/cross.sh "$1"
        . "$EMULATION_DIR/env"
    fi
    # Demangling these names gives the constants of a tile.
    cargo rustc -q --release -p eightbit-kernels --lib --target "$1-unknown-linux-gnu" -- \
        --emit asm -C codegen-units=1 -C debuginfo=0 -C symbol-mangling-version=v0 >&2
    cargo run -q --release -p eightbit-kernels --example registry --target "$1-unknown-linux-gnu" >"$out/$1.registry"
    ls -t "$CARGO_TARGET_DIR/$1-unknown-linux-gnu/release/deps"/eightbit_kernels-*.s | head -n 1
)

architectures=("$@")
[ ${#architectures[@]} -gt 0 ] || architectures=(aarch64 x86_64)
system_packages "llvm-$LLVM" python3
out=${CARGO_TARGET_DIR:-$PWD/target}/mca
mkdir -p "$out"
for architecture in "${architectures[@]}"; do
    case $architecture in
    aarch64 | x86_64) ;;
    *) die "unknown architecture $architecture: there are aarch64 and x86_64" ;;
    esac
    file=$(assembly "$architecture")
    python3 -B benches/mca/loops.py "$architecture" "$file" --registry "$out/$architecture.registry" --llvm "$LLVM" \
        --csv "$out/$architecture.csv"
done
