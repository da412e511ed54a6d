#!/usr/bin/env bash
# Every fuzz target on its corpus, then for some seconds on new inputs, by libFuzzer with AddressSanitizer. Without a nightly
# toolchain `cargo test` runs the targets on the corpus and on random bytes.
#
#   tests/fuzz.sh [TARGET…]       (FUZZ_SECONDS for each target, default 10)
#
# The compiler's flags are those of cargo-fuzz, which is not needed here; it builds and runs the same targets, and makes what they
# find small.
set -euo pipefail
# Before the folder changes.
[ -z "${CARGO_TARGET_DIR:-}" ] || CARGO_TARGET_DIR=$(realpath -m "$CARGO_TARGET_DIR")
cd "$(dirname "$0")/../fuzz"
. ../tests/emulation/common.sh
retry cargo fetch --locked
if ! cargo +nightly --version 2>/dev/null; then
    echo "ATTENTION: there is no nightly toolchain here, so libFuzzer did not run: only the corpus and random bytes" >&2
    cargo test --no-default-features --locked -- --nocapture
    exit
fi

host=$(rustc +nightly -vV | sed -n 's/^host: //p')
flags=(
    --cfg fuzzing -Zsanitizer=address -Cdebug-assertions
    # One unit: functions that are counted are not inlined across units.
    -Ccodegen-units=1
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
    -Cllvm-args=-sanitizer-coverage-stack-depth
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0
)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/../target}/fuzz
# With an explicit target, build scripts and procedural macros are built without these flags.
RUSTFLAGS="${RUSTFLAGS:-} ${flags[*]}" cargo +nightly build --release --bins --locked --target "$host"

targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    for file in fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi
for target in "${targets[@]}"; do
    # New inputs go to a temporary corpus; a crash leaves its input in fuzz/artifacts.
    mkdir -p "$CARGO_TARGET_DIR/corpus/$target" "artifacts/$target"
    log=$CARGO_TARGET_DIR/$target.log
    if ASAN_OPTIONS=detect_odr_violation=0 "$CARGO_TARGET_DIR/$host/release/$target" \
        "$CARGO_TARGET_DIR/corpus/$target" "corpus/$target" -artifact_prefix="artifacts/$target/" \
        -max_total_time="${FUZZ_SECONDS:-10}" -timeout=20 -rss_limit_mb=4096 -print_final_stats=0 >"$log" 2>&1; then
        tail -n 1 "$log" | sed "s/^/$target: /"
    else
        # What was found, where, and the input itself, which is lost with this machine.
        { grep -v -e '^#' -e '# Uses: ' "$log" || true; } | tail -n 60 | sed "s/^/$target: /"
        for input in "artifacts/$target"/*; do
            echo "$target: to repeat: base64 -d | xz -d > INPUT, then tests/fuzz.sh $target: $input"
            xz -c "$input" | base64 -w 0 | fold -w 200
            echo
        done
        die "$target found something: see above"
    fi
done
