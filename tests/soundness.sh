#!/usr/bin/env bash
# The suites of the crates with unsafe code and on top of it where arithmetic wraps instead of stopping the program, as in a
# release build, while debug assertions and the checks of `std` are on; under AddressSanitizer if there is a nightly toolchain.
#
#   tests/soundness.sh            (EIGHTBIT_CASES=n for another number of cases)
#
# A wrong size that an overflow would have hidden behind a panic must be refused by name here, or it reads what is not its own.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/soundness
export CARGO_INCREMENTAL=0 CARGO_PROFILE_TEST_OVERFLOW_CHECKS=false CARGO_PROFILE_TEST_DEBUG_ASSERTIONS=true
# What nobody looks at with a debugger; and half of the time to build it is optimization that these suites do not need.
export CARGO_PROFILE_TEST_DEBUG=none CARGO_PROFILE_TEST_OPT_LEVEL=1
export EIGHTBIT_CASES=${EIGHTBIT_CASES:-100}
suites=(-p eightbit-kernels -p eightbit --tests --locked)
toolchain=()
if cargo +nightly --version >/dev/null 2>&1; then
    toolchain=(+nightly)
    # With a target of its own the sanitizer is not in build scripts and procedural macros.
    suites+=(--target x86_64-unknown-linux-gnu)
    # Checks that are calls, not code in place: there is less to compile.
    RUSTFLAGS="${RUSTFLAGS:-} -Zsanitizer=address -Cllvm-args=-asan-instrumentation-with-call-threshold=0"
    export RUSTFLAGS ASAN_OPTIONS=detect_leaks=0
    # The kernels that the rest is made of, and those with the most unsafe code.
    EIGHTBIT_ONLY_BACKENDS=portable
    if grep -qwm 1 avx2 /proc/cpuinfo; then EIGHTBIT_ONLY_BACKENDS+=,avx2; fi
    export EIGHTBIT_ONLY_BACKENDS
    echo "AddressSanitizer, backends $EIGHTBIT_ONLY_BACKENDS, no overflow checks"
else
    echo "ATTENTION: there is no nightly toolchain here, so AddressSanitizer did not run: only debug assertions" >&2
fi
cargo "${toolchain[@]}" test "${suites[@]}"

if cargo +nightly miri --version >/dev/null 2>&1; then
    # Minutes for what others do in milliseconds: outputs, windows and matrices, which are plain pointers.
    unset RUSTFLAGS
    EIGHTBIT_ONLY_BACKENDS=portable MIRIFLAGS=-Zmiri-disable-isolation \
        cargo +nightly miri test -p eightbit-kernels --lib
else
    echo "ATTENTION: the nightly toolchain has no Miri, so it did not run" >&2
fi
