#!/bin/bash
# The program for boards of 32 bits, built as it ships and started under qemu-arm: armv7.sh
#
# Follows the demo's face there and here: each point of each frame has to be the same to 0.05 px.
# Installs qemu-user and a cross compiler on Debian where they are missing.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cd "$(dirname "$0")/../.."

cargo run --quiet --locked -- demo --out "$out/here" >/dev/null
. tests/arm/setup.sh armv7
cargo build --quiet --locked --profile board --no-default-features --features program --bin wingmark
program=$CARGO_TARGET_DIR/$target/board/wingmark
stat -c '%s bytes' "$program"
$emulator -L $sysroot "$program" demo --out "$out/there"

# OpenFace's columns: the fifth says whether there is a face, x_0 .. y_67 are its points.
awk -F, 'FNR == 1 { for (i = 1; i <= NF; i++) is_point[i] = $i ~ /^[xy]_[0-9]+$/; columns = NF; next }
    NR == FNR { here[FNR] = $0; expected++; next }
    {
        found += $5
        split(here[FNR], point)
        for (i = 1; i <= columns; i++) {
            if (!is_point[i]) continue
            off = $i - point[i]
            if (off ^ 2 > farthest ^ 2) farthest = off
        }
    }
    END {
        printf "%d of %d faces, at most %.3f px from where this machine has them\n", found, expected, farthest
        exit found != expected || farthest ^ 2 > 0.05 ^ 2
    }' "$out/here/landmarks.csv" "$out/there/landmarks.csv"
