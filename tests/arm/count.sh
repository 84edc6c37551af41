#!/bin/bash
# ARM instructions a frame of the shipped nets.
#
#   count.sh [--record]
#   count.sh --blocks NET KERNEL CPU
#
# As built for boards. Counts under qemu-user and compares with baseline.csv: more than 2 % above it
# fails. --record writes the counts there. --blocks prints how often each block of instructions runs
# in a frame, for benches/mca.py, and where the program lies. Installs qemu-user and a cross
# compiler on Debian where they are missing.
set -euo pipefail
record=
[ "${1-}" != --record ] || record=yes
blocks=
[ "${1-}" != --blocks ] || blocks=("${@:2:3}")
# Names of functions, for whoever looks into the program; the instructions are the same.
export CARGO_PROFILE_BOARD_STRIP=false
. "$(dirname "$0")/setup.sh" aarch64
baseline=tests/arm/baseline.csv
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

gcc -O2 -Wall -Wextra -shared -fPIC -o "$out/count.so" tests/arm/count.c
cargo build --quiet --locked --profile board --no-default-features -p wingmark-net-timer
timer=$CARGO_TARGET_DIR/aarch64-unknown-linux-gnu/board/net_timer

if [ "$blocks" ]; then
    echo 3 | WINGMARK_KERNEL=${blocks[1]} qemu-aarch64 -cpu "${blocks[2]}" -plugin "$out/count.so,blocks=on" -d plugin -D "$out/blocks" \
        -L $sysroot "$timer" "models/${blocks[0]}/model.onnx" 1 >/dev/null
    cat "$out/blocks"
    echo "counted in $timer" >&2
    exit
fi

count() { # NET CPU KERNEL -> a row: net, kernel, instructions of the last of three frames, multiply-accumulates
    echo 3 | WINGMARK_KERNEL=$3 qemu-aarch64 -cpu "$2" -plugin "$out/count.so" -d plugin -D "$out/counts" -L $sysroot \
        "$timer" "models/$1/model.onnx" 1 >"$out/said"
    awk -v net="$1" -v kernel="$3" 'NR == FNR { if (FNR == 1) gmac = $3; next } { earlier = count; count = $1 }
        END {
            if ((count - earlier) ^ 2 > (earlier / 1000) ^ 2) { print net, kernel ": frames of", earlier, "and", count > "/dev/stderr"; exit 1 }
            printf "%s,%s,%.0f,%.0f\n", net, kernel, count, gmac * 1e9
        }' "$out/said" "$out/counts"
}

echo net,kernel,instructions,macs >"$out/found.csv"
for net in nano small base faces; do
    count $net cortex-a72 portable
    count $net cortex-a72 smull
    count $net cortex-a76 sdot
done >>"$out/found.csv"
[ ! "$record" ] || cp "$out/found.csv" $baseline

awk -F, 'FNR == 1 { next }
    NR == FNR { allowed[$1, $2] = $3 * 1.02; next }
    {
        printf "%-6s %-9s %11.0f instructions a frame, %5.2f x MAC / 16, %5.2f x MAC / 8 x 3\n", $1, $2, $3, $3 / ($4 / 16), $3 / ($4 / 8 * 3)
        if (!(($1, $2) in allowed)) { print "  not in " baseline; failed = 1 }
        else if ($3 > allowed[$1, $2]) { printf "  more than 2 %% above the %.0f of %s\n", allowed[$1, $2] / 1.02, baseline; failed = 1 }
    }
    END { exit failed }' baseline=$baseline $baseline "$out/found.csv"
