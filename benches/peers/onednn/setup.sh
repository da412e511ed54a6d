#!/usr/bin/env bash
# Unpacks oneDNN from Debian's newest suite, with the C library it needs, under _deps beside this script, and builds the
# driver against it. Only g++ is installed system-wide. For Debian 12 on x86-64.
#
# PEERS_DEPS: another folder for it. SUITE: another suite than sid.
set -euo pipefail
cd "$(dirname "$0")"
. ../../../tests/emulation/common.sh
deps=${PEERS_DEPS:-$PWD/_deps}
unpacked=$deps/sid
libraries=$unpacked/usr/lib/x86_64-linux-gnu

system_packages g++ binutils
if ! ls "$libraries"/libdnnl.so.* >/dev/null 2>&1; then
    apt=$deps/apt
    mkdir -p "$apt" "$deps/debs"
    echo "deb [arch=amd64 signed-by=$KEYRING] $(mirror bookworm) ${SUITE:-sid} main" >"$apt/sources.list"
    retry private_apt "$apt" apt-get -qq update
    library=$(private_apt "$apt" apt-cache depends libdnnl-dev | awk '/Depends: libdnnl[0-9]/ { print $2; exit }')
    [ -n "$library" ] || die "libdnnl-dev is not in Debian's ${SUITE:-sid}"
    (
        cd "$deps/debs"
        retry private_apt "$apt" apt-get -qq download libdnnl-dev "$library" libc6 libstdc++6 libgcc-s1 libgomp1
        for deb in *.deb; do
            dpkg -x "$deb" "$unpacked"
        done
    )
    rm -rf "$apt" "$deps/debs"
fi

mkdir -p "$deps/bin"
if [ driver.cpp -nt "$deps/bin/onednn_bench" ]; then
    # The system's headers and start files, the unpacked libraries and their own loader.
    g++ -O2 -std=c++17 -Wall -Wextra -I"$unpacked/usr/include" driver.cpp -o "$deps/bin/onednn_bench" \
        -L"$libraries" "$libraries/libdnnl.so" -l:libstdc++.so.6 -Wl,--allow-shlib-undefined \
        -Wl,--disable-new-dtags -Wl,-rpath,"$libraries" -Wl,--dynamic-linker="$libraries/ld-linux-x86-64.so.2"
fi
echo "$deps/bin/onednn_bench"
