#!/usr/bin/env bash
# Compares the speed of this project with oneDNN's, one thread, in one run: the two take turns on one core, and the
# medians of the rounds are divided. The ratio is ours over theirs: above 1, we are faster.
#
#   benches/peers/run.sh [gemm] [conv]        (default: both)
#
# ROUNDS (default 5), CORE (default 1), BENCH_MS (time per case and round, default 60).
# The tables are in Markdown; target/peers/OP.csv has the same numbers and the peers' own notes.
#
# Both programs print: peer,op,shape,types,prepacked,median,max,min,samples,note, rates in Gop/s (2 per product).
# Requantized cases have zero points here (`_zp`) and none there: oneDNN's zero points leave its fast paths, and it is
# its best that we compare with.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/benches/peers
out=${CARGO_TARGET_DIR:-$PWD/target}
rounds=${ROUNDS:-5}
core=${CORE:-1}
[ "$(nproc)" -gt "$core" ] || core=0
export OMP_NUM_THREADS=1 RAYON_NUM_THREADS=1 BENCH_MS=${BENCH_MS:-60}

onednn=$("$here/onednn/setup.sh")
cargo build --release -q -p eightbit-cli
ours=$out/release/eightbit
mkdir -p "$out/peers"

compare() {
    local op=$1 shapes=$here/shapes_$1.txt raw=$out/peers/$1.raw round
    : >"$raw"
    for ((round = 1; round <= rounds; round++)); do
        echo "$op: round $round of $rounds" >&2
        taskset -c "$core" "$onednn" "$op" "$shapes" >>"$raw"
        taskset -c "$core" "$ours" bench "$op" --shapes "$shapes" --csv >>"$raw"
    done
    awk -F, -v OFS=, -v op="$op" -v csv="$out/peers/$op.csv" -v rounds="$rounds" '
        function median(list,    n, value, i, j, t) {
            n = split(list, value, " ")
            for (i = 2; i <= n; i++) for (j = i; j > 1 && value[j - 1] + 0 > value[j] + 0; j--) {
                t = value[j]; value[j] = value[j - 1]; value[j - 1] = t
            }
            return n % 2 ? value[(n + 1) / 2] : (value[n / 2] + value[n / 2 + 1]) / 2
        }
        $5 == "yes" {
            sub(/_zp$/, "", $4)
            case_ = $3 SUBSEP $4
            if (!(case_ in seen)) { seen[case_]; order[++cases] = case_ }
            rates[$1, case_] = rates[$1, case_] " " $6
            note[$1, case_] = $10
        }
        END {
            print "shape,dtypes,eightbit,onednn,ratio,eightbit_note,onednn_note" > csv
            printf "\n### %s: Gop/s, one thread, medians of %d rounds\n\n", op, rounds
            print "| shape | types | eightbit | oneDNN | ratio |"
            print "|---|---|---:|---:|---:|"
            for (i = 1; i <= cases; i++) {
                split(order[i], key, SUBSEP)
                if (!(("eightbit", order[i]) in rates) || !(("onednn", order[i]) in rates)) continue
                mine = median(rates["eightbit", order[i]]); theirs = median(rates["onednn", order[i]])
                wrong = note["onednn", order[i]] ~ /wrong/ ? " (wrong sums)" : ""
                printf "| %s | %s | %.1f | %.1f%s | %.2f |\n", key[1], key[2], mine, theirs, wrong, mine / theirs
                printf "%s,%s,%.3f,%.3f,%.4f,%s,%s\n", key[1], key[2], mine, theirs, mine / theirs, \
                    note["eightbit", order[i]], note["onednn", order[i]] > csv
                group = key[2]; if (key[1] ~ /^dw_/) group = "depthwise " group
                if (!(group in count)) groups[++kinds] = group
                sum[group] += log(mine / theirs); count[group]++
            }
            if (!kinds) { print "no case was measured by both" > "/dev/stderr"; exit 1 }
            print "\n| geometric mean | cases | ratio |"
            print "|---|---:|---:|"
            for (i = 1; i <= kinds; i++) {
                group = groups[i]
                printf "| %s | %d | %.3f |\n", group, count[group], exp(sum[group] / count[group])
            }
        }' "$raw"
}

ops=("$@")
[ ${#ops[@]} -gt 0 ] || ops=(gemm conv)
for op in "${ops[@]}"; do
    case $op in
    gemm | conv) compare "$op" ;;
    *)
        echo "error: unknown operator $op: there are gemm and conv" >&2
        exit 2
        ;;
    esac
done
