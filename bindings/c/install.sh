#!/usr/bin/env bash
# Builds the C library and installs it: header, static and shared library, and the files by which pkg-config and CMake find them.
#
#   bindings/c/install.sh PREFIX
set -euo pipefail
cd "$(dirname "$0")/../.."
prefix=$(realpath -m "${1:?usage: bindings/c/install.sh PREFIX}")
# Not for one package: what the program needs, too, is built once for both.
cargo build --release --locked
metadata=$(cargo metadata --format-version 1 --no-deps --locked)
target=$(sed 's/.*"target_directory":"\([^"]*\)".*/\1/' <<<"$metadata")
version=$(cargo pkgid -p eightbit-c --locked | sed 's/.*[#@]//')
mkdir -p "$prefix/include" "$prefix/lib/pkgconfig" "$prefix/lib/cmake/eightbit"
cp bindings/c/include/eightbit.h "$prefix/include/"
cp "$target/release/libeightbit_c.a" "$prefix/lib/"
cp "$target/release/libeightbit_c.so" "$prefix/lib/libeightbit_c.so.$version"
ln -sf "libeightbit_c.so.$version" "$prefix/lib/libeightbit_c.so.0"
ln -sf libeightbit_c.so.0 "$prefix/lib/libeightbit_c.so"
sed "s|@PREFIX@|$prefix|; s|@VERSION@|$version|" bindings/c/eightbit.pc.in >"$prefix/lib/pkgconfig/eightbit.pc"
cp bindings/c/eightbit-config.cmake "$prefix/lib/cmake/eightbit/"
echo "INSTALLED eightbit $version in $prefix"
