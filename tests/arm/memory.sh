#!/bin/bash
# Bytes in which the shipped nets hold a frame on cores without dot products.
#
#   memory.sh [--record]
#
# Of one to four threads, by Winograd's algorithm and all direct. Fails where four threads take more
# than twice as much by the first as by the second, and where the table is not that of memory.csv,
# which --record writes. Installs qemu-user and a cross compiler
# on Debian where they are missing.
set -euo pipefail
. "$(dirname "$0")/setup.sh" aarch64
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

cargo build --quiet --locked --profile board --no-default-features -p wingmark-net-timer --bin counted
program=$CARGO_TARGET_DIR/aarch64-unknown-linux-gnu/board/counted

{
    echo net,kernel,one,two,three,four
    for net in nano small base faces; do
        for kernel in smull smull-direct; do
            echo "$net,$kernel,$(WINGMARK_KERNEL=$kernel qemu-aarch64 -cpu cortex-a72 -L $sysroot "$program" memory "models/$net/model.onnx")"
        done
    done
} | tee "$out/found.csv"
[ "${1-}" != --record ] || cp "$out/found.csv" tests/arm/memory.csv
diff tests/arm/memory.csv "$out/found.csv"

awk -F, '$2 == "smull" { bytes = $6 }
    $2 == "smull-direct" && bytes > 2 * $6 { print $1 ": more than twice as many bytes as all direct"; failed = 1 }
    END { exit failed }' "$out/found.csv"
