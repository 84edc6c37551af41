#!/bin/bash
# What two to four cores give the shipped nets, simulated.
#
#   threads.sh [--record]
#
# Counts the instructions of each chunk of each step, as cut for one to four threads, under
# qemu-user, and plays the frame on simulated cores (benches/net-timer/src/counted): how much faster
# than one core two, three and four are; four of which one comes late by a fifth of the frame, one
# never comes, two are of speed 0.4, one is taken away for 3 ms. Instructions a microsecond are
# those that llvm-mca expects of an A72 at 1.5 GHz (docs/decisions/winograd.md), and twice as many
# for an A76. Prints the table; --record writes it to threads.csv. Installs qemu-user and a cross
# compiler on Debian where they are missing.
set -euo pipefail
. "$(dirname "$0")/setup.sh" aarch64
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

gcc -O2 -Wall -Wextra -shared -fPIC -o "$out/count.so" tests/arm/count.c
cargo build --quiet --locked --profile board --no-default-features -p wingmark-net-timer --bin counted
program=$CARGO_TARGET_DIR/aarch64-unknown-linux-gnu/board/counted

row() { # NET CPU KERNEL INSTRUCTIONS-A-MICROSECOND
    WINGMARK_KERNEL=$3 qemu-aarch64 -cpu "$2" -plugin "$out/count.so" -d plugin -D "$out/counts" -L $sysroot \
        "$program" chunks "models/$1/model.onnx" >"$out/said"
    echo "$1,$3,$(paste -d' ' "$out/said" "$out/counts" | qemu-aarch64 -L $sysroot "$program" play "$4")"
}

{
    echo net,kernel,steps,chunks,one_ms,two,three,four,one_late,one_never_comes,two_little,one_taken_away
    for net in nano small base faces; do
        row $net cortex-a72 smull 2300
        row $net cortex-a76 sdot 4600
    done
} | tee "$out/found.csv"
[ "${1-}" != --record ] || cp "$out/found.csv" tests/arm/threads.csv
