#!/usr/bin/env bash
# The suites of `eightbit-kernels` and `eightbit` with wrapping arithmetic, as in a release build, but with debug assertions and
# the checks of `std`; under AddressSanitizer if there is a nightly toolchain.
#
#   tests/soundness.sh            (EIGHTBIT_CASES=n for another number of cases)
#
# An overflow check would hide a wrong size behind a panic; without it, the size must be refused, or memory is read out of bounds.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/soundness
export CARGO_INCREMENTAL=0 CARGO_PROFILE_TEST_OVERFLOW_CHECKS=false CARGO_PROFILE_TEST_DEBUG_ASSERTIONS=true
# No debugger reads these programs, and full optimization, which these suites do not need, would double the build time.
export CARGO_PROFILE_TEST_DEBUG=none CARGO_PROFILE_TEST_OPT_LEVEL=1
export EIGHTBIT_CASES=${EIGHTBIT_CASES:-100}
suites=(-p eightbit-kernels -p eightbit --tests --locked)
toolchain=()
if cargo +nightly --version >/dev/null 2>&1; then
    toolchain=(+nightly)
    # With an explicit target, build scripts and procedural macros are built without the sanitizer.
    suites+=(--target x86_64-unknown-linux-gnu)
    # Checks as calls instead of inline code: there is less to compile.
    RUSTFLAGS="${RUSTFLAGS:-} -Zsanitizer=address -Cllvm-args=-asan-instrumentation-with-call-threshold=0"
    export RUSTFLAGS ASAN_OPTIONS=detect_leaks=0
    # The reference backend, and the one with the most unsafe code.
    EIGHTBIT_ONLY_BACKENDS=portable
    if grep -qwm 1 avx2 /proc/cpuinfo; then EIGHTBIT_ONLY_BACKENDS+=,avx2; fi
    export EIGHTBIT_ONLY_BACKENDS
    echo "AddressSanitizer, backends $EIGHTBIT_ONLY_BACKENDS, no overflow checks"
else
    echo "ATTENTION: there is no nightly toolchain here, so AddressSanitizer did not run: only debug assertions" >&2
fi
cargo "${toolchain[@]}" test "${suites[@]}"

if cargo +nightly miri --version >/dev/null 2>&1; then
    # Miri takes minutes for milliseconds of work, so it runs only the unit tests: outputs, windows and matrices.
    unset RUSTFLAGS
    EIGHTBIT_ONLY_BACKENDS=portable MIRIFLAGS=-Zmiri-disable-isolation \
        cargo +nightly miri test -p eightbit-kernels --lib
else
    echo "ATTENTION: the nightly toolchain has no Miri, so it did not run" >&2
fi
