#!/usr/bin/env bash
# Guards against slower kernels: counts the instructions of ten calls with valgrind's callgrind, whose counts do not depend on the
# load of the machine, and compares them with the committed counts in guard.txt. It reports and never fails.
#
#   benches/guard.sh              compare
#   benches/guard.sh --update     write the counts of this build to guard.txt, after an intended change
#
# callgrind does not support AVX-512, so the backend is avx2 (GUARD_BACKEND chooses another). Instructions are not time: a kernel can
# execute the same number and wait longer. They show what a change to a plan, an epilogue or a compiler adds to every call. A
# count is that of one call of a finished plan with packed weights; it depends on the compiler, whose version guard.txt names.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/emulation/common.sh
baseline=$PWD/benches/guard.txt
backend=${GUARD_BACKEND:-avx2}
# Deviations from the baseline above this percentage are pointed out.
TOLERANCE=2

# op, name, sizes as in benches/peers/shapes_*.txt
calls="\
gemm 7x7x7 7 7 7
gemm 37x61x53 37 61 53
gemm 64x64x64 64 64 64
gemm 128x128x128 128 128 128
gemm 784x64x64 784 64 64
gemm 1x1024x1024 1 1024 1024
conv 3x3_14_64_64 14 64 64 3 1 1 1
conv stem_3x3s2_56_3_32 56 3 32 3 2 1 1
conv dw_3x3_14_144 14 144 144 3 1 1 144
conv dw_5x5_14_101 14 101 101 5 1 2 101"

skip() {
    echo "ATTENTION: $*: nothing was counted" >&2
    exit 0
}

command -v valgrind >/dev/null || (system_packages valgrind) || skip "valgrind is not here"
# As the README builds it: what is there already is not built again.
cargo build --release -q --locked
program=${CARGO_TARGET_DIR:-target}/release/eightbit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# count OP NAME SIZES…: instructions of one call.
count() {
    local op=$1
    shift
    echo "$@" >"$work/$1.txt"
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no '--toggle-collect=*profiled_call*' \
        "$program" bench "$op" --shapes "$work/$1.txt" --types u8s8u8 --backend "$backend" --once 2>"$work/$1.log" \
        >/dev/null || return
    awk '/Collected/ { print $NF }' "$work/$1.log"
}

declare -A counts
while read -r op name sizes; do
    # shellcheck disable=SC2086
    counts[$name]=$(count "$op" "$name" $sizes) || skip "backend $backend does not run under valgrind here ($(tail -n 1 "$work/$name.log"))"
done <<<"$calls"

if [ "${1:-}" = --update ]; then
    {
        echo "# Instructions of one call: benches/guard.sh compares, benches/guard.sh --update writes."
        echo "# $(rustc --version), backend $backend"
        while read -r _ name _; do
            echo "$name ${counts[$name]}"
        done <<<"$calls"
    } >"$baseline"
    echo "written: benches/guard.txt"
    exit
fi

echo "instructions of a call, backend $backend, $(rustc --version); baseline: $(sed -n '2s/^# //p' "$baseline")"
while read -r _ name _; do
    before=$(awk -v name="$name" '$1 == name { print $2 }' "$baseline")
    awk -v name="$name" -v now="${counts[$name]}" -v before="${before:-0}" -v tolerance="$TOLERANCE" 'BEGIN {
        change = before ? 100 * (now / before - 1) : 0
        mark = !before ? "new" : change > tolerance ? "ATTENTION: more than before" : change < -tolerance ? "fewer: update the baseline" : ""
        printf "%-22s %12d → %12d  %+6.1f %%  %s\n", name, before, now, change, mark
    }'
done <<<"$calls"
