#!/usr/bin/env bash
# Sets up a compiler for aarch64, s390x and i686 and the user-mode emulators, privately and idempotently.
#
#   cross.sh [aarch64] [s390x] [i686]      (default: all)
#
# rustup has only the standard library of the host, so this uses Debian's rustc-web (with its arm64 standard library)
# and builds the standard library of the other targets from Debian's rust-web-src. Nothing of rustup, PATH or the
# system's apt sources changes; afterwards `. "$EIGHTBIT_EMULATION_DIR/env"` makes cargo use it:
#
#   cargo test --target aarch64-unknown-linux-gnu      (QEMU_CPU=max | neoverse-n1 | cortex-a53)
#   cargo test --target s390x-unknown-linux-gnu
#   cargo test --target i686-unknown-linux-gnu
#
# For Debian 12 on x86-64. EIGHTBIT_EMULATION_DIR: where to put it (default ~/.cache/eightbit-emulation).
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh

targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(aarch64 s390x i686)

# The compiler for the host, the standard library's source and its build for aarch64, and QEMU.
setup_compiler() {
    [ ! -e "$EMULATION_DIR/.compiler-1" ] || return 0
    echo "setting up the cross compiler and QEMU in $EMULATION_DIR" >&2
    system_packages gcc libc6-dev libllvm22
    local apt=$EMULATION_DIR/apt debs=$EMULATION_DIR/debs
    rm -rf "$apt" "$debs" "$EMULATION_DIR/usr"
    mkdir -p "$apt" "$debs" "$EMULATION_DIR/bin"
    cat >"$apt/sources.list" <<EOF
deb [arch=amd64,arm64 signed-by=$KEYRING] $(mirror bookworm) bookworm main
deb [arch=amd64,arm64 signed-by=$KEYRING] $(mirror bookworm-security) bookworm-security main
deb [arch=amd64 signed-by=$KEYRING] $(mirror bookworm) bookworm-backports main
EOF
    retry private_apt "$apt" apt-get -qq update
    local version qemu
    # The newest version that both architectures have: they may differ for a while.
    version=$(comm -12 <(private_versions "$apt" rustc-web:amd64 | sort) \
        <(private_versions "$apt" libstd-rust-web-dev:arm64 | sort) | sort -V | tail -n 1)
    qemu=$(private_versions "$apt" qemu-user:amd64 bookworm-backports | head -n 1)
    [ -n "$version" ] && [ -n "$qemu" ] || die "rustc-web or qemu-user is not to be found in Debian's archive"
    (
        cd "$debs"
        retry private_apt "$apt" apt-get -qq download "rustc-web:amd64=$version" "rust-web-src=$version" \
            "libstd-rust-web-$(cut -d. -f1,2 <<<"$version"):amd64=$version" \
            "libstd-rust-web-dev:amd64=$version" "libstd-rust-web-dev:arm64=$version" "qemu-user:amd64=$qemu"
        for deb in rustc-web_* libstd-*; do
            dpkg -x "$deb" "$EMULATION_DIR"
        done
        dpkg --fsys-tarfile rust-web-src_* | tar -x -C "$EMULATION_DIR" --wildcards \
            './usr/src/rustc-*/library' './usr/src/rustc-*/Cargo.*' './usr/lib/rustlib/src'
        dpkg --fsys-tarfile qemu-user_* | tar -x -C "$EMULATION_DIR" \
            ./usr/bin/qemu-aarch64 ./usr/bin/qemu-s390x ./usr/bin/qemu-x86_64
    )
    rm -rf "$apt" "$debs" "$EMULATION_DIR/usr/share"
    local tool
    for tool in rustc rustdoc; do
        cat >"$EMULATION_DIR/bin/$tool" <<EOF
#!/bin/sh
LD_LIBRARY_PATH=$EMULATION_DIR/usr/lib/x86_64-linux-gnu\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH} exec $EMULATION_DIR/usr/bin/$tool "\$@"
EOF
        chmod +x "$EMULATION_DIR/bin/$tool"
    done
    cat >"$EMULATION_DIR/env" <<EOF
export RUSTC=$EMULATION_DIR/bin/rustc RUSTDOC=$EMULATION_DIR/bin/rustdoc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="$EMULATION_DIR/usr/bin/qemu-aarch64 -L /usr/aarch64-linux-gnu"
export CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER=s390x-linux-gnu-gcc
export CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_RUNNER="$EMULATION_DIR/usr/bin/qemu-s390x -L /usr/s390x-linux-gnu"
export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER=i686-linux-gnu-gcc
export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_RUNNER="/usr/i686-linux-gnu/lib/ld-linux.so.2 --library-path /usr/i686-linux-gnu/lib"
EOF
    touch "$EMULATION_DIR/.compiler-1"
}

# Builds the standard library for a target and installs it where the compiler looks for it.
setup_std() {
    local target=$1-unknown-linux-gnu build=$EMULATION_DIR/std-build
    local libraries=$EMULATION_DIR/usr/lib/rustlib/$target/lib
    [ ! -e "$libraries/.complete" ] || return 0
    echo "building the standard library for $target" >&2
    rm -rf "$build"
    mkdir -p "$build/src" "$libraries"
    printf '[package]\nname = "seed"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' >"$build/Cargo.toml"
    echo '#![no_std]' >"$build/src/lib.rs"
    (
        cd "$build"
        . "$EMULATION_DIR/env"
        # RUSTC_BOOTSTRAP: building the standard library needs the compiler's unstable features. Nothing else uses it.
        # No backtraces and little optimization, for a build in half the time: the code under test is generic or ours.
        export RUSTC_BOOTSTRAP=1 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_TARGET_DIR=$build/target
        retry cargo build -q --release --target "$target" \
            -Zbuild-std=std,test,panic_unwind,proc_macro -Zbuild-std-features=panic-unwind
    )
    cp "$build/target/$target/release/deps/"*.rlib "$libraries/"
    rm -f "$libraries/"libseed-*.rlib
    rm -rf "$build"
    touch "$libraries/.complete"
}

for target in "${targets[@]}"; do
    case $target in
    aarch64) packages=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross) ;;
    s390x) packages=(gcc-s390x-linux-gnu libc6-dev-s390x-cross) ;;
    i686) packages=(gcc-i686-linux-gnu libc6-dev-i386-cross) ;;
    *) die "unknown target $target: there are aarch64, s390x and i686" ;;
    esac
    system_packages "${packages[@]}"
    setup_compiler
    [ "$target" = aarch64 ] || setup_std "$target"
done
