#!/bin/bash
# Instructions a frame on ARM cores, counted by a plugin of qemu-user: count.sh PLUGIN.so
# Needs qemu-aarch64 7.2 or later with plugins (Debian: qemu-user), aarch64-linux-gnu-gcc, a Rust toolchain with the
# target aarch64-unknown-linux-gnu, and a plugin that counts and writes "mark N total T delta D" at system call 173.
set -euo pipefail
plugin=$(realpath "$1")
cd "$(dirname "$0")/../.."
target=aarch64-unknown-linux-gnu
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
flags=(--edition 2024 -O --target $target)
rustc "${flags[@]}" --crate-type rlib --crate-name wingmark_kernels --out-dir "$out" kernels/src/lib.rs
rustc "${flags[@]}" -C linker=aarch64-linux-gnu-gcc --extern wingmark_kernels="$out/libwingmark_kernels.rlib" \
  -o "$out/frames" kernels/examples/frames.rs
for run in cortex-a53:smull cortex-a72:smull cortex-a76:smull cortex-a76:sdot; do
  cpu=${run%:*} kernel=${run#*:}
  WINGMARK_KERNEL=$kernel qemu-aarch64 -cpu "$cpu" -plugin "$plugin,mark=173,fast=on" -d plugin -D "$out/counts" \
    -L /usr/aarch64-linux-gnu "$out/frames" 3 >"$out/said"
  macs=$(sed 's/.*, \([0-9]*\) MAC.*/\1/' "$out/said")
  grep mark "$out/counts" | tail -1 | awk -v macs="$macs" -v run="$run" \
    '{ printf "%s: %d instructions a frame; %.2f x MAC/16, %.2f x MAC/8 x 3\n", run, $6, $6 / (macs / 16), $6 / (macs / 8 * 3) }'
done
