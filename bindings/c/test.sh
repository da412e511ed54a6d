#!/usr/bin/env bash
# Installs the C library in a folder of the target directory, and tests it from C: under AddressSanitizer with the static library, with
# pkg-config and the shared one, and with CMake where that is installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/emulation/common.sh
command -v pkg-config >/dev/null && command -v gcc >/dev/null || system_packages gcc libc6-dev pkg-config
target=$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
work=$target/c prefix=$target/c/prefix
rm -rf "$work"
bindings/c/install.sh "$prefix"
strict=(-std=c11 -Wall -Wextra -Wpedantic -Werror -g)

# A model of one node, y = |x|, as bytes of ONNX.
printf '\x08\x08\x3a\x3b\x0a\x0e\x0a\x01x\x12\x01y\x1a\x01n\x22\x03Abs\x12\x01g\x5a\x12\x0a\x01x\x12\x0d\x0a\x0b\x08\x01\x12\x07\x0a\x05\x12\x03len\x62\x12\x0a\x01y\x12\x0d\x0a\x0b\x08\x01\x12\x07\x0a\x05\x12\x03len\x42\x04\x0a\x00\x10\x0d' >"$work/abs.onnx"

gcc "${strict[@]}" -fsanitize=address,undefined -fno-sanitize-recover=all -I "$prefix/include" -o "$work/test" \
    bindings/c/tests/test.c "$prefix/lib/libeightbit_c.a" -lpthread -ldl -lm
"$work/test" "$work/abs.onnx"
echo "C the static library passes under AddressSanitizer, without a leak"

export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
# shellcheck disable=SC2046
gcc "${strict[@]}" -o "$work/example" bindings/c/example/example.c $(pkg-config --cflags --libs eightbit) -Wl,-rpath,"$prefix/lib"
[ "$("$work/example")" = "121 130 113 140" ] || die "the example gives other numbers"
echo "C the example runs with the shared library, $(stat -Lc %s "$prefix/lib/libeightbit_c.so") bytes"
# As C++ reads the header.
printf '#include <eightbit.h>\nint main() { return eb_version() == nullptr; }\n' >"$work/header.cpp"
if command -v g++ >/dev/null; then g++ -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I "$prefix/include" "$work/header.cpp"; fi
if command -v cmake >/dev/null; then
    cmake -S bindings/c/example -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
    cmake --build "$work/cmake" >/dev/null
    [ "$("$work/cmake/example")" = "121 130 113 140" ] || die "the example of CMake gives other numbers"
    echo "C the example builds with CMake"
fi
