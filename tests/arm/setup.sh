# Sourced by the scripts beside it: a cross compiler for AArch64 and an emulator for its programs.
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if ! { command -v qemu-aarch64 && command -v aarch64-linux-gnu-gcc; } >/dev/null; then
    apt-get update -qq >&2
    apt-get install -y -qq --no-install-recommends qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross >&2
fi
PATH=$(tests/board/cross-std aarch64-unknown-linux-gnu):$PATH
export PATH CARGO_BUILD_TARGET=aarch64-unknown-linux-gnu
export CARGO_TARGET_DIR=${WINGMARK_BOARD_LAB:-$HOME/.cache/wingmark-board}/target
sysroot=/usr/aarch64-linux-gnu
