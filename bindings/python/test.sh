#!/usr/bin/env bash
# Builds the wheel, installs it in a fresh virtual environment, and tests it there: bits, types, sizes. With onnxruntime, if it can be had,
# bits are compared with its.
#
#   [PROFILE=release] bindings/python/test.sh [ARGUMENT OF PYTEST…]
#
# PROFILE is one of Cargo's: `release`; `wheel`, for those that are published; `dev`, which takes half of the time.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/emulation/common.sh
profile=${PROFILE:-release}
# Bytes that a wheel may have.
case $profile in
wheel) limit=$((4 << 20)) ;;
release) limit=$((5 << 20)) ;;
*) limit= ;;
esac

python3 -c 'import ensurepip' 2>/dev/null || system_packages python3 python3-venv
target=$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
work=$target/python
# What builds stays; what is tested is installed anew.
tools=$work/tools venv=$work/venv wheels=$work/wheels
rm -rf "$venv" "$wheels"
[ -x "$tools/bin/maturin" ] || {
    python3 -m venv --clear "$tools"
    retry "$tools/bin/pip" install --quiet --disable-pip-version-check 'maturin>=1.16,<2'
}
"$tools/bin/maturin" build --profile "$profile" --locked --quiet --compression-level 9 \
    --manifest-path bindings/python/Cargo.toml --target-dir "$target" --out "$wheels"
wheel=$(echo "$wheels"/*.whl)
size=$(stat -c %s "$wheel")
echo "WHEEL $(basename "$wheel") ($profile) $size bytes"
[ -z "$limit" ] || [ "$size" -le "$limit" ] || die "the wheel has more than $limit bytes"

python3 -m venv "$venv"
retry "$venv/bin/pip" install --quiet --disable-pip-version-check "$wheel" 'pytest>=8,<10' 'mypy>=1.15,<3'
retry "$venv/bin/pip" install --quiet --disable-pip-version-check 'onnxruntime>=1.20' ||
    echo "ATTENTION: onnxruntime cannot be installed here, so the wheel was not compared with it" >&2
# Not from the source folder: what is imported is what was installed.
export PYTHONDONTWRITEBYTECODE=1
# Tiles that are not optimized need more stack than the two megabytes that threads have.
[ "$profile" != dev ] || export RUST_MIN_STACK=$((16 << 20))
tests=$PWD/bindings/python/tests
cd "$work"
"$venv/bin/python" -m pytest -q -p no:cacheprovider "$tests" "$@"
"$venv/bin/python" -m mypy --strict --no-error-summary --cache-dir "$work/mypy" -p eightbit
"$venv/bin/python" -m mypy.stubtest --ignore-disjoint-bases eightbit._native
"$venv/bin/python" -c 'import numpy, time; start = time.perf_counter(); import eightbit
print(f"IMPORT {(time.perf_counter() - start) * 1e3:.1f} ms after numpy, backend {eightbit.backend()}")'
