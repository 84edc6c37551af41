#!/bin/bash
# ARM instructions a frame: of the shipped nets, and of each stage of whole frames around them.
#
#   count.sh [--record]
#   count.sh --blocks NET KERNEL CPU
#   count.sh --steps NET KERNEL CPU
#
# As built for boards. Counts under qemu-user and compares with baseline.csv: more than 2 % above it
# fails. --record writes the counts there. --blocks prints how often each block of instructions runs
# in a frame of a net, for benches/mca.py, and where the program lies; --steps what each of a net's
# steps takes, in their order: number, instructions. Installs qemu-user and a cross compiler on
# Debian where they are missing.
set -euo pipefail
record=
[ "${1-}" != --record ] || record=yes
blocks= steps=
[ "${1-}" != --blocks ] || blocks=("${@:2:3}")
[ "${1-}" != --steps ] || steps=("${@:2:3}")
# Names of functions, for whoever looks into the program; the instructions are the same.
export CARGO_PROFILE_BOARD_STRIP=false
. "$(dirname "$0")/setup.sh" aarch64
baseline=tests/arm/baseline.csv
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

gcc -O2 -Wall -Wextra -shared -fPIC -o "$out/count.so" tests/arm/count.c
cargo build --quiet --locked --profile board --no-default-features -p wingmark-net-timer --bin counted
program=$CARGO_TARGET_DIR/aarch64-unknown-linux-gnu/board/counted

counted() { # CPU FILE ARGUMENT.. -> what the program says; the counts, or blocks, into the file
    qemu-aarch64 -cpu "$1" -plugin "$out/count.so${blocks:+,blocks=on}" -d plugin -D "$2" -L $sysroot "$program" "${@:3}"
}

if [ "$blocks" ]; then
    WINGMARK_KERNEL=${blocks[1]} counted "${blocks[2]}" "$out/blocks" net "models/${blocks[0]}/model.onnx" >/dev/null
    cat "$out/blocks"
    echo "counted in $program" >&2
    exit
fi

if [ "$steps" ]; then
    WINGMARK_KERNEL=${steps[1]} counted "${steps[2]}" "$out/counts" chunks "models/${steps[0]}/model.onnx" >"$out/said"
    # As cut for one thread, a step is one chunk.
    paste -d' ' "$out/said" "$out/counts" | awk '$1 == 1 { print $2, $3 }'
    exit
fi

net() { # NET CPU KERNEL -> a row: net, kernel, instructions of the last of three frames, multiply-accumulates
    WINGMARK_KERNEL=$3 counted "$2" "$out/counts" net "models/$1/model.onnx" >"$out/said"
    paste -d' ' "$out/said" "$out/counts" | awk -v net="$1" -v kernel="$3" '{ macs = $2; earlier = count; count = $3 }
        END {
            if ((count - earlier) ^ 2 > (earlier / 1000) ^ 2) { print net, kernel ": frames of", earlier, "and", count > "/dev/stderr"; exit 1 }
            printf "%s,%s,%.0f,%.0f\n", net, kernel, count, macs
        }'
}

# What a stage is not counted by itself for is what the whole has beside its other parts.
frame() { # FORMAT CPU -> a row for each stage: format and stage, CPU, instructions the last time
    counted "$2" "$out/counts" stages "$1" >"$out/said"
    paste -d' ' "$out/said" "$out/counts" | awk -v format="$1" -v cpu="$2" '
        function row(stage, count) { printf "%s %s,%s,%.0f,\n", format, stage, cpu, count }
        { if (!($1 in count)) stages[++number] = $1; earlier[$1] = count[$1]; count[$1] = $2 }
        END {
            for (i = 1; i <= number; i++) {
                stage = stages[i]
                if ((count[stage] - earlier[stage]) ^ 2 > (earlier[stage] / 100) ^ 2) {
                    print format, stage ": first", earlier[stage], "and then", count[stage] > "/dev/stderr"; exit 1
                }
                if (stage !~ /^(observe|net|look)$/) row(stage, count[stage])
            }
            row("decode", count["look"] - count["crop"] - count["net"])
            row("track", count["observe"] - count["look"] - count["scene"])
            row("outside-net", count["observe"] - count["net"] + count["record"])
        }'
}

{
    echo work,by,instructions,macs
    for net in nano small base faces; do
        net $net cortex-a72 portable
        net $net cortex-a72 smull
        net $net cortex-a76 sdot
    done
    for cpu in cortex-a53 cortex-a76; do
        frame yuyv $cpu
        frame nv12 $cpu
    done
} >"$out/found.csv"
[ ! "$record" ] || cp "$out/found.csv" $baseline

awk -F, 'FNR == 1 { next }
    NR == FNR { allowed[$1, $2] = $3 * 1.02; next }
    {
        printf "%-32s %-10s %11.0f instructions", $1, $2, $3
        if ($4) printf ", %5.2f x MAC / 16, %5.2f x MAC / 8 x 3", $3 / ($4 / 16), $3 / ($4 / 8 * 3)
        print ""
        if (!(($1, $2) in allowed)) { print "  not in " baseline; failed = 1 }
        else if ($3 > allowed[$1, $2]) { printf "  more than 2 %% above the %.0f of %s\n", allowed[$1, $2] / 1.02, baseline; failed = 1 }
    }
    END { exit failed }' baseline=$baseline $baseline "$out/found.csv"
