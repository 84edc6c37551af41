#!/bin/bash
# The kernels' tests on emulated ARM cores. PROPTEST_CASES says how many random nets (60).
# Installs qemu-user and a cross compiler on Debian where they are missing.
set -euo pipefail
. "$(dirname "$0")/setup.sh" aarch64
export PROPTEST_CASES=${PROPTEST_CASES:-60}
for cpu in cortex-a53 cortex-a72 cortex-a76 max; do
    echo "== $cpu"
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -cpu $cpu -L $sysroot" \
        cargo test --quiet -p wingmark-kernels --lib --tests
done
