#!/usr/bin/env python3
"""Times any ONNX nets in tract, as `wingmark bench --against` runs them, and in onnxruntime, beside
the model of wingmark.

    cargo build --release
    python3 benches/peers.py FILE.onnx... [--seconds N] [--rounds N]

Needs numpy and onnxruntime. Turns of N seconds alternate, on one thread each, so that whatever else
the machine does meets all alike. Prints medians of the rounds' medians and ratios to the net stage
of wingmark's default model. For a quantised file of our own kind, benches/compare.py compares the
net alone.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime

WINGMARK = pathlib.Path(__file__).resolve().parent.parent / "target/release/wingmark"


def by_tract(files, seconds):
    """Median milliseconds of our net and of each file."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        against = [argument for file in files for argument in ("--against", file)]
        command = [WINGMARK, "bench", "--seconds", str(seconds), "--json", report.name, *against]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = json.loads(pathlib.Path(report.name).read_text())
    model = found["models"][0]
    ours = f"wingmark {model['name']}, {model['kernel']}", model["stages"]["net"]["median_us"] / 1e3
    return [ours, *((f"tract {peer['name']}", peer["net"]["median_us"] / 1e3) for peer in found["peers"])]


def by_onnxruntime(file, seconds):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    shape = [size if isinstance(size, int) else 1 for size in entry.shape]
    picture = {entry.name: np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)}
    session.run(None, picture)
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        started = time.perf_counter()
        session.run(None, picture)
        times.append((time.perf_counter() - started) * 1e3)
    return f"onnxruntime {pathlib.Path(file).stem}", np.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if not WINGMARK.exists():
        sys.exit(f"there is no {WINGMARK}; `cargo build --release` makes it")
    times = {}
    for _ in range(arguments.rounds):
        turns = by_tract(arguments.files, arguments.seconds)
        turns += [by_onnxruntime(file, arguments.seconds) for file in arguments.files]
        for name, median in turns:
            times.setdefault(name, []).append(median)
    ours = np.median(next(iter(times.values())))
    for name, medians in times.items():
        print(f"{name:40} {np.median(medians):9.3f} ms, {np.median(medians) / ours:6.2f}x")


main()
