#!/usr/bin/env bash
# Runs the suites on instruction sets that this machine may lack, and prints a table of the executed cases.
#
#   run.sh [TARGET…]      TARGET: native, all (the emulated ones), or
#
#   aarch64-i8mm      QEMU, every Arm extension: dot products and matrix products
#   aarch64-dotprod   QEMU, Neoverse N1: dot products
#   aarch64-neon      QEMU, Cortex-A53: neither
#   x86-avx2          QEMU, Haswell: AVX2 and no more
#   x86-sse2          QEMU, the first 64-bit x86: neither AVX2 nor SSE4
#   avx-vnni          Bochs, Arrow Lake: AVX-VNNI and AVX-VNNI-INT8, no AVX-512
#   avx512-vnni       Bochs, Sapphire Rapids: AVX-512 VNNI
#   big-endian        QEMU, s390x
#   32-bit            i686 on the processor itself
#   avx512-amx        the processor itself, which needs AVX-512 VNNI: instructions on tiles trap, and the test programs emulate them
#
# A target demands the backends of the registry whose features its CPU has. Suites compare all of them natively, and on other
# targets only those that no lesser target has. The result is a table and the file target/emulation/results.tsv: target, suite,
# backend, cases, verdict. Exits with 1 if any case differed, any test failed, or a demanded backend did not run.
#
# EIGHTBIT_CASES: cases per suite; the default fits a minute or two of the emulator.
# JOBS: the number of targets that run at a time (default: the number of processors). They start once built, while others are
# still being built.
# NATIVE_LOG: the output of `cargo test --workspace`, with RUST_TEST_NOCAPTURE=1 and a last line "STATUS 0" if it passed: `native`
# is then read from this file instead of running again.
set -euo pipefail
shopt -s inherit_errexit
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/common.sh"
cd "$HERE/../.."
OUT=${CARGO_TARGET_DIR:-$PWD/target}/emulation
PACKAGES=(-p eightbit -p eightbit-kernels --tests --example registry)
# The targets of a triple are ordered from the greatest CPU to the least.
EMULATED=(avx512-vnni avx-vnni aarch64-i8mm aarch64-dotprod aarch64-neon big-endian x86-avx2 x86-sse2 32-bit avx512-amx)

# describe TARGET: sets triple, emulator (with its argument), default number of cases, and the features of the CPU, by Rust's names;
# features that the emulator executes but does not report are `assumed`.
describe() {
    local vnni="avx2 fma avxvnni"
    assumed=
    case $1 in
    native) triple=native emulator=native cases=10000 features=$(native_features) ;;
    # What the processor runs without tiles, of which all products of `avx512-amx` make use.
    native-vectors) triple=native features=$(native_features | sed 's/\<amx-[a-z0-9]*//g') ;;
    avx512-amx)
        triple=native emulator=native cases=1000
        features="$(native_features) amx-tile amx-int8" assumed=amx-tile,amx-int8
        ;;
    aarch64-i8mm) triple=aarch64 emulator="qemu max" cases=1000 features="neon dotprod i8mm" ;;
    aarch64-dotprod) triple=aarch64 emulator="qemu neoverse-n1" cases=1000 features="neon dotprod" ;;
    aarch64-neon) triple=aarch64 emulator="qemu cortex-a53" cases=1000 features=neon ;;
    x86-avx2) triple=x86_64 emulator="qemu-x86_64 Haswell" cases=1000 features="avx2 fma" ;;
    x86-sse2) triple=x86_64 emulator="qemu-x86_64 qemu64" cases=1000 features= ;;
    avx-vnni)
        triple=x86_64 emulator="bochs arrow_lake" cases=60
        features="$vnni avxvnniint8" assumed=avxvnniint8
        ;;
    avx512-vnni)
        triple=x86_64 emulator="bochs sapphire_rapids" cases=60
        features="$vnni avx512f avx512bw avx512vl avx512vnni"
        ;;
    big-endian) triple=s390x emulator="qemu qemu" cases=1000 features= ;;
    32-bit) triple=i686 emulator="qemu host" cases=1000 features= ;;
    *) die "unknown target $1: there are native, all, ${EMULATED[*]}" ;;
    esac
}

# The features of this CPU that the kernel reports, without underscores and otherwise by Rust's names.
native_features() {
    grep -m 1 -E '^(flags|Features)' /proc/cpuinfo | cut -d: -f2 | tr -d _ | sed 's/\<asimddp\>/dotprod/; s/\<asimd\>/neon/; s/\<amx\(tile\|int8\)\>/amx-\1/g'
}

# runnable TRIPLE FEATURES: the backends of the registry that a CPU with these features runs, best first.
runnable() {
    awk -v features=" $2 " '{
        for (i = 2; i <= NF; i++) if (!index(features, " " $i " ")) next
        print $1 }' "$OUT/$1.registry"
}

# demand TARGET: describes it and sets `demanded`, the required backends, and `only`, the ones that suites compare; separated by
# commas.
demand() {
    local target lesser=
    describe "$1"
    demanded=$(runnable "$triple" "$features")
    only=
    if [ "$1" != native ]; then
        for target in native-vectors $(sed "s/.*\<$1\>//" <<<"${EMULATED[*]}"); do
            lesser+=$(
                own=$triple
                describe "$target"
                [ "$triple" != "$own" ] || runnable "$triple" "$features"
            )$'\n'
        done
        demanded=$(grep -vxFf <(grep . <<<"$lesser") <<<"$demanded" || true)
        only=$(paste -sd, <<<"$demanded")
    fi
    demanded=$(paste -sd, <<<"$demanded")
}

# build TRIPLE: builds the test programs, with their paths in $OUT/TRIPLE.programs, and writes the registry to
# $OUT/TRIPLE.registry, one line per backend with its features.
build() {
    local triple=$1 log=$OUT/$1.build selection=("${PACKAGES[@]}")
    (
        case $triple in
        # The same build as that of `cargo test --workspace`, so that it is built once.
        native) selection=(--workspace) ;;
        # Static, since Bochs's guest has no libraries.
        x86_64) export RUSTFLAGS="${RUSTFLAGS:-} -Ctarget-feature=+crt-static" ;;
        *)
            "$HERE/cross.sh" "$triple"
            . "$EMULATION_DIR/env"
            ;;
        esac
        [ "$triple" = native ] || {
            # Debug information would double the build time, and incremental compilation would add a fifth; neither is used.
            export CARGO_TARGET_DIR=$OUT/build CARGO_PROFILE_TEST_DEBUG=none CARGO_PROFILE_DEV_DEBUG=none
            export CARGO_INCREMENTAL=0
            selection+=(--target "$triple-unknown-linux-gnu")
            # Debug checks double the build time. The native run has them for everything that runs here.
            [ "$triple" != s390x ] ||
                export CARGO_PROFILE_TEST_DEBUG_ASSERTIONS=false CARGO_PROFILE_TEST_OVERFLOW_CHECKS=false
        }
        cargo test --no-run --message-format=json-render-diagnostics "${selection[@]}" >"$log.json" 2>"$log"
    ) || {
        tail -n 40 "$log" >&2
        die "the tests do not build for $triple"
    }
    grep -E '"package_id":"[^"]*#eightbit(-kernels)?@.*"test":true\}' "$log.json" | grep -v '"kind":\["example"\]' |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' >"$OUT/$triple.programs"
    [ -s "$OUT/$triple.programs" ] || die "no test programs were built for $triple"
    local registry
    registry=$(grep -E '"package_id":"[^"]*#eightbit-kernels@.*"kind":\["example"\].*"name":"registry"' "$log.json" |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')
    emulate "$triple" "$registry" |
        sed -n 's/^{"name": "\([^"]*\)", "features": \[\([^]]*\)\].*/\1 \2/p' | tr -d '",' >"$OUT/$triple.registry"
    [ -s "$OUT/$triple.registry" ] || die "the registry of $triple has no backends"
}

# emulate TRIPLE PROGRAM ARGUMENTS…: runs a program of another architecture, on the CPU that QEMU_CPU names.
emulate() (
    triple=$1
    shift
    case $triple in
    native | x86_64) exec "$@" ;;
    esac
    . "$EMULATION_DIR/env"
    variable=CARGO_TARGET_${triple^^}_UNKNOWN_LINUX_GNU_RUNNER
    read -ra runner <<<"${!variable}"
    exec "${runner[@]}" "$@"
)

# execute TARGET: runs its programs; the output goes to $OUT/TARGET.log, whose last line is the exit status.
execute() {
    local triple emulator cases features assumed demanded only status=0 program
    demand "$1"
    export EIGHTBIT_CASES=${EIGHTBIT_CASES:-$cases} EIGHTBIT_REQUIRE_BACKENDS=$demanded
    export EIGHTBIT_ONLY_BACKENDS=$only EIGHTBIT_ASSUME_FEATURES=$assumed
    local kind=${emulator% *} cpu=${emulator#* }
    if [ "$1" = native ] && [ -n "${NATIVE_LOG:-}" ]; then
        cat "$NATIVE_LOG"
        return
    fi
    mapfile -t programs <"$OUT/$triple.programs"
    case $kind in
    bochs) "$HERE/bochs.sh" "$cpu" "${programs[@]}" || status=1 ;;
    *)
        local arguments=(--test-threads=1 --nocapture)
        for program in "${programs[@]}"; do
            echo "RUN $program"
            case $kind in
            qemu-x86_64) QEMU_CPU=$cpu "$EMULATION_DIR/usr/bin/qemu-x86_64" "$program" "${arguments[@]}" ;;
            *) QEMU_CPU=$cpu emulate "$triple" "$program" "${arguments[@]}" ;;
            esac </dev/null || status=1
        done
        ;;
    esac
    echo "STATUS $status"
}

# summarize TARGET: its rows of the table, from the log. A demanded backend without a row is a row of its own.
summarize() {
    local triple emulator cases features assumed demanded only
    demand "$1"
    awk -v target="$1" -v demanded="$demanded" -v OFS='\t' '
        match($0, /SUITE [^ ]+ backend [^ ]+ cases [0-9]+ bit-equal/) {
            split(substr($0, RSTART, RLENGTH), field, " ")
            print target, field[2], field[4], field[6], "bit-equal"
            ran[field[4]] = suites = 1
        }
        match($0, /SUITE [^ ]+ backend [^ :]+: /) {
            split(substr($0, RSTART, RLENGTH), field, " ")
            print target, field[2], substr(field[4], 1, length(field[4]) - 1), "-", "DIFFERS"
        }
        /^STATUS / { status = $2; ended = 1 }
        END {
            n = split(demanded, names, ",")
            for (i = 1; i <= n; i++) if (!(names[i] in ran)) print target, "-", names[i], 0, "NOT RUN"
            if (!ended || status != 0) print target, "tests", "-", "-", "FAILED"
        }' "$OUT/$1.log"
}

targets=()
for target in "${@:-all}"; do
    if [ "$target" = all ]; then targets+=("${EMULATED[@]}"); else targets+=("$target"); fi
done
if [[ " ${targets[*]} " == *" avx512-amx "* && " $(native_features) " != *" avx512vnni "* ]]; then
    echo "ATTENTION: this processor has no AVX-512 VNNI, so the backend avx512_amx was not compared" >&2
    mapfile -t targets < <(printf '%s\n' "${targets[@]}" | grep -vx avx512-amx || true)
fi
# busy: whether the limit of running targets is reached.
busy() {
    [ "$(jobs -rp | wc -l)" -ge "${JOBS:-$(nproc)}" ]
}

# launch TARGET: runs it in the background.
launch() {
    (
        local start=$SECONDS
        execute "$1" >"$OUT/$1.log" 2>&1 || true
        echo "$1: $((SECONDS - start)) s" >&2
    ) &
}

mkdir -p "$OUT"
echo "running ${targets[*]}" >&2
declare -A built=()
waiting=()
for target in "${targets[@]}"; do
    describe "$target"
    case $emulator in
    # The emulator of x86 levels comes with the cross compiler.
    qemu-x86_64*) "$HERE/cross.sh" aarch64 ;;
    bochs*) "$HERE/bochs.sh" setup ;;
    esac
    [ -n "${built[$triple]:-}" ] || build "$triple"
    built[$triple]=1
    # The two targets under Bochs take longest and need the first build: they run during the other builds.
    if busy; then waiting+=("$target"); else launch "$target"; fi
done
for target in "${waiting[@]}"; do
    while busy; do wait -n || true; done
    launch "$target"
done
wait

results=$OUT/results.tsv
printf 'target\tsuite\tbackend\tcases\tverdict\n' >"$results"
for target in "${targets[@]}"; do
    summarize "$target" >>"$results"
done
awk -F'\t' '{ printf "%-16s %-24s %-14s %8s  %s\n", $1, $2, $3, $4, $5 }' "$results"
failures=$(tail -n +2 "$results" | grep -cv 'bit-equal$' || true)
if [ "$failures" -gt 0 ]; then
    for target in $(awk -F'\t' 'NR > 1 && $5 != "bit-equal" { print $1 }' "$results" | sort -u); do
        echo "--- the end of $OUT/$target.log" >&2
        tail -n 40 "$OUT/$target.log" >&2
    done
    echo "$failures of the rows above are not bit-equal" >&2
    exit 1
fi
awk -F'\t' 'NR > 1 { rows++; cases += $4; backend[$3] } END {
    printf "%d suites, %d cases, %d backends: every one bit-equal\n", rows, cases, length(backend) }' "$results"
