#!/usr/bin/env bash
# Runs test programs on another x86 CPU: a whole PC, emulated by Bochs.
#
#   bochs.sh setup
#   bochs.sh CPU TESTBIN…
#
# CPU is one of Bochs's models: arrow_lake has AVX-VNNI and AVX-VNNI-INT8, sapphire_rapids AVX-VNNI and AVX-512 VNNI. TESTBIN
# are statically linked (RUSTFLAGS=-Ctarget-feature=+crt-static). A small Linux boots with them in its initial file system and
# runs one after another. It has only tests/vectors from the checkout, at the same path, and only the EIGHTBIT_* variables from the
# environment.
# BOCHS_LIMIT: seconds until the emulator is stopped (default 2700). Exits with 0 if every program did.
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh
BOCHS_DIR=$EMULATION_DIR/bochs
VECTORS=$(cd .. && pwd)/vectors

setup() {
    system_packages isolinux syslinux-common xorriso busybox-static cpio binutils bsdutils ncurses-base
    [ ! -e "$BOCHS_DIR/.complete-1" ] || return 0
    echo "setting up Bochs in $BOCHS_DIR" >&2
    local apt=$BOCHS_DIR/apt deb kernel
    rm -rf "$BOCHS_DIR"
    mkdir -p "$apt"
    # bookworm's Bochs knows none of these CPUs; trixie's runs with trixie's own C library beside it.
    echo "deb [arch=amd64 signed-by=$KEYRING] $(mirror bookworm) trixie main" >"$apt/sources.list"
    retry private_apt "$apt" apt-get -qq update
    retry private_apt "$apt" apt-get -qq -y --no-install-recommends --download-only \
        install bochs bochs-term bochsbios vgabios >/dev/null
    for deb in "$apt"/cache/archives/*.deb; do
        dpkg -x "$deb" "$BOCHS_DIR"
    done
    kernel=$(private_apt "$apt" apt-cache depends linux-image-cloud-amd64 | awk '/Depends:/ { print $2; exit }')
    (
        cd "$BOCHS_DIR"
        retry private_apt "$apt" apt-get -qq download "$kernel"
        dpkg --fsys-tarfile linux-image-*.deb | tar -x --wildcards './boot/vmlinuz*'
        mv boot/vmlinuz* vmlinuz
        rm linux-image-*.deb
    )
    rm -rf "$apt"
    touch "$BOCHS_DIR/.complete-1"
}

# guest_files WORK TESTBIN…: the guest's file system, as WORK/iso/initrd.
guest_files() {
    local work=$1 program
    shift
    mkdir -p "$work"/root/{bin,proc,dev,tests,tmp} "$work/iso/isolinux"
    cp /bin/busybox "$work/root/bin/"
    mkdir -p "$work/root${VECTORS%/*}"
    cp -r "$VECTORS" "$work/root${VECTORS%/*}/"
    for program; do
        strip -o "$work/root/tests/$(basename "$program")" "$program"
    done
    {
        echo '#!/bin/busybox sh'
        env | sed -n "/^EIGHTBIT_[A-Z_]*=/{ s/'/'\\\\''/g; s/^\([A-Z_]*\)=\(.*\)/export \1='\2'/p }"
        cat <<'EOF'
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
exec >/dev/ttyS0 2>&1
cd /tmp
status=0
for program in /tests/*; do
    echo "RUN $program"
    $program --test-threads=1 --nocapture || status=1
done
echo "GUEST-EXIT $status"
/bin/busybox sleep 3
/bin/busybox reboot -f
EOF
    } >"$work/root/init"
    chmod +x "$work/root/init"
    (cd "$work/root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/iso/initrd"
}

# boot WORK CPU: boots WORK/iso, the guest's serial line in WORK/serial.
boot() {
    local work=$1 cpu=$2 libraries=$BOCHS_DIR/usr/lib/x86_64-linux-gnu
    cp "$BOCHS_DIR/vmlinuz" "$work/iso/"
    cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/iso/isolinux/"
    # clearcpuid=600: the kernel would use AMX tiles, which Bochs reports but implements only in part. Without them it does not enable
    # their state either, so that programs find no AMX whatever CPUID reports.
    cat >"$work/iso/isolinux/isolinux.cfg" <<'EOF'
default linux
prompt 0
label linux
 kernel /vmlinuz
 append initrd=/initrd quiet console=ttyS0 nokaslr reboot=t acpi=off mitigations=off nr_cpus=1 clearcpuid=600
EOF
    xorriso -as mkisofs -quiet -o "$work/boot.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat \
        -no-emul-boot -boot-load-size 4 -boot-info-table "$work/iso" 2>/dev/null
    cat >"$work/bochsrc" <<EOF
plugin_ctrl: unmapped=0, biosdev=0, speaker=0, parallel=0, gameport=0
config_interface: textconfig
display_library: term
memory: guest=512, host=512
romimage: file=$BOCHS_DIR/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=$BOCHS_DIR/usr/share/vgabios/vgabios.bin
cpu: model=$cpu, count=1, ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=1
clock: sync=none, time0=1790000000
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=$work/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/serial
log: $work/log
panic: action=fatal
error: action=ignore
info: action=ignore
EOF
    # Bochs needs a terminal, which script(1) provides, and shows the guest's screen on another one. It reports the guest's
    # last reboot as a failure.
    drain_screen "$work/terminal" &
    local reader=$!
    TERM=xterm BXSHARE=$BOCHS_DIR/usr/share/bochs LTDL_LIBRARY_PATH=$libraries/bochs/plugins \
        timeout --foreground "${BOCHS_LIMIT:-2700}" script -qefc \
        "$libraries/ld-linux-x86-64.so.2 --library-path $libraries $BOCHS_DIR/usr/bin/bochs-bin -q -f $work/bochsrc" \
        /dev/null </dev/null >"$work/terminal" 2>&1 || true
    kill "$reader" 2>/dev/null || true
}

# drain_screen TERMINAL: reads and discards the screen of Bochs, which would block once a buffer of some kilobytes is full.
drain_screen() {
    local screen=
    while [ -z "$screen" ] && [ -d "${1%/*}" ]; do
        sleep 1
        screen=$(tr -d '\r' 2>/dev/null <"$1" | sed -n 's/^Bochs connected to screen "\(.*\)"$/\1/p' || true)
    done
    stty -F "$screen" raw -echo || true
    exec cat "$screen" >/dev/null
}

[ $# -gt 0 ] || die "usage: bochs.sh setup | CPU TESTBIN…"
setup
[ "$1" != setup ] || exit 0
[ $# -gt 1 ] || die "usage: bochs.sh CPU TESTBIN…"
cpu=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
guest_files "$work" "$@"
boot "$work" "$cpu"
touch "$work/serial"
tr -d '\r' <"$work/serial" | sed -n '/^RUN/,$p' | grep -v '^\[' || {
    tail -n 3 "$work/log" >&2
    die "the guest did not boot"
}
grep -q '^GUEST-EXIT' "$work/serial" || die "the guest was stopped after ${BOCHS_LIMIT:-2700} seconds"
grep -q '^GUEST-EXIT 0' "$work/serial"
