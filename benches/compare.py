#!/usr/bin/env python3
"""Times one quantised ONNX file in wingmark, in onnxruntime and, in float, in tract.

    cargo build --release -p wingmark-net-timer
    python3 benches/compare.py FILE.onnx [--threads N] [--rounds N] [--float FLOAT.onnx]

Needs Linux, numpy, onnx and onnxruntime. All run one picture at a time, in turns of a few frames
each, so that whatever else the machine does meets them alike. Prints the median and the smallest
time of a frame, and the median processor time of all threads, which other programs' turns do not
enter; ratios are of medians. Without --float, tract gets the same net in float: the file with its
weights and sums dequantised.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

TIMER = pathlib.Path(__file__).resolve().parent.parent / "target/release/net_timer"
FRAMES = 5


class Timer:
    """A net in a process of its own."""

    def __init__(self, file, threads):
        self.process = subprocess.Popen([TIMER, file, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        name, load, gmac = self.process.stdout.readline().split()
        self.name, self.load_ms, self.gmac = f"wingmark {name}", float(load), float(gmac)

    def frames(self):
        print(FRAMES, file=self.process.stdin, flush=True)
        return [float(micros) / 1e3 for micros in self.process.stdout.readline().split()]

    def processor_seconds(self):
        # The clock of another process, as clock_getcpuclockid(3) makes it.
        return time.clock_gettime(~self.process.pid << 3 | 2)


class OnnxRuntime:
    def __init__(self, file, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        started = time.perf_counter()
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self.load_ms, self.gmac = (time.perf_counter() - started) * 1e3, 0
        self.name = f"onnxruntime {onnxruntime.__version__} int8"
        shape = self.session.get_inputs()[0].shape
        self.image = {self.session.get_inputs()[0].name: np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)}

    def frames(self):
        times = []
        for _ in range(FRAMES):
            started = time.perf_counter()
            self.session.run(None, self.image)
            times.append((time.perf_counter() - started) * 1e3)
        return times

    def processor_seconds(self):
        return time.process_time()


def in_float(file):
    """The net with its weights and sums dequantised."""
    model = onnx.load(file)
    values = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    nodes, added, renamed = [], [], {}

    def constant(value):
        added.append(numpy_helper.from_array(np.asarray(value, np.float32), f"f{len(added)}"))
        return added[-1].name

    for node in model.graph.node:
        inputs, output = [renamed.get(i, i) for i in node.input], node.output[0]
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            renamed[output] = inputs[0]
        elif node.op_type == "QLinearConv":
            weights, scale = values[node.input[3]].astype(np.float32), values[node.input[4]].reshape(-1, 1, 1, 1)
            bias = values[node.input[8]] * values[node.input[1]] * values[node.input[4]]
            rectified = values[node.input[7]] == 0
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            nodes.append(helper.make_node("Conv", [inputs[0], constant(weights * scale), constant(bias)],
                                          [output + "_c" if rectified else output], **attributes))
            if rectified:
                nodes.append(helper.make_node("Relu", [output + "_c"], [output]))
        elif node.op_type == "QLinearAdd":
            nodes.append(helper.make_node("Add", [inputs[0], inputs[3]], [output]))
        elif node.op_type == "Concat":
            scale, zero_point = 1 / 128, 128
            inputs = [constant((values[i].astype(np.float32) - zero_point) * scale) if i in values else i for i in inputs]
            nodes.append(helper.make_node("Concat", inputs, [output], axis=1))
        else:
            plain = onnx.NodeProto()
            plain.CopyFrom(node)
            plain.input[:] = inputs
            nodes.append(plain)
            added += [i for i in model.graph.initializer if i.name in node.input]
    last = renamed[model.graph.output[0].name]
    nodes.append(helper.make_node("Identity", [last], [model.graph.output[0].name]))
    initializers = list({i.name: i for i in added}.values())
    graph = helper.make_graph(nodes, "float", model.graph.input, model.graph.output, initializers)
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--float", dest="float_file")
    arguments = parser.parse_args()
    if not TIMER.exists():
        sys.exit(f"there is no {TIMER}; `cargo build --release -p wingmark-net-timer` makes it")
    with tempfile.NamedTemporaryFile(suffix=".onnx") as twin:
        if not arguments.float_file:
            onnx.save(in_float(arguments.file), twin.name)
        runners = [Timer(arguments.file, arguments.threads), OnnxRuntime(arguments.file, arguments.threads)]
        if arguments.threads > 1:
            runners.append(Timer(arguments.file, 1))
        runners.append(Timer(arguments.float_file or twin.name, 1))
    times, processor_times = [[] for _ in runners], [[] for _ in runners]
    for runner in runners:
        runner.frames()
    for _ in range(arguments.rounds):
        for runner, found, processor in zip(runners, times, processor_times):
            before = runner.processor_seconds()
            found += runner.frames()
            processor.append((runner.processor_seconds() - before) / FRAMES * 1e3)
    ours, ours_processor = np.median(times[0]), np.median(processor_times[0])
    gmac = runners[0].gmac
    print(f"{arguments.file}, {gmac:.3f} GMAC, {arguments.threads} threads, {arguments.rounds * FRAMES} frames each")
    for i, (runner, found, processor) in enumerate(zip(runners, times, processor_times)):
        alone = " (1 thread)" if arguments.threads > 1 and i > 1 else ""
        print(f"{runner.name + alone:34} median {np.median(found):7.2f} ms ({np.median(found) / ours:5.2f}x ours),"
              f" smallest {min(found):7.2f} ms ({min(found) / min(times[0]):5.2f}x),"
              f" processor {np.median(processor):7.2f} ms ({np.median(processor) / ours_processor:5.2f}x), load {runner.load_ms:6.1f} ms")
    print(f"{gmac / min(times[0]) * 1e3:.1f} GMAC/s in the fastest frame, {gmac / ours_processor * 1e3:.1f} for each second of a processor")


main()
