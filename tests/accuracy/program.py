"""Our program, as the scripts of this folder run it."""
import pathlib
import subprocess
import sys

WINGMARK = pathlib.Path(__file__).resolve().parents[2] / "target/debug/wingmark"


def wingmark(*arguments):
    """Runs it without its results; where it fails, its reason ends the script."""
    if not WINGMARK.exists():
        sys.exit(f"there is no {WINGMARK}; `cargo build` makes it")
    done = subprocess.run([WINGMARK, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr.strip() or f"wingmark {arguments[0]} ended with {done.returncode}")
