# Sourced by the scripts beside it, with an architecture: a cross compiler for it and an emulator
# for its programs.
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
case $1 in
    aarch64) target=aarch64-unknown-linux-gnu gnu=aarch64-linux-gnu libc=libc6-dev-arm64-cross emulator=qemu-aarch64 ;;
    armv7) target=armv7-unknown-linux-gnueabihf gnu=arm-linux-gnueabihf libc=libc6-dev-armhf-cross emulator=qemu-arm ;;
esac
if ! { command -v $emulator && command -v $gnu-gcc; } >/dev/null; then
    apt-get update -qq >&2
    apt-get install -y -qq --no-install-recommends qemu-user gcc-$gnu $libc >&2
fi
PATH=$(tests/board/cross-std $target):$PATH
export PATH CARGO_BUILD_TARGET=$target
export CARGO_TARGET_DIR=${WINGMARK_BOARD_LAB:-$HOME/.cache/wingmark-board}/target
sysroot=/usr/$gnu
