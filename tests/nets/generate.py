#!/usr/bin/env python3
"""Makes quantised ONNX nets with random weights, and what onnxruntime computes with them.

    generate.py NET FOLDER      NET: all, stock, float, small, faces (see NETS)

Writes FOLDER/NET.onnx, NET.rgb (the picture, bytes, [row, column, rgb]) and NET.maps (stored
heatmaps, bytes, [row, column, channel]). Needs numpy, onnx and onnxruntime. The nets have the
operators that our trainer writes; their weights are random, so that they only serve to compare
kernels.

onnxruntime's u8 x s8 kernels saturate on x86 machines without VNNI (vpmaddubsw). Its u8 x u8
kernels do not, so the recorded maps come from the same net with its weights stored as u8 with zero
point 128.
"""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto as T, helper, numpy_helper

INPUT = (np.float32(1 / 128), 128)


class Net:
    """An ONNX graph; a tensor is (name, scale, zero point, channels, rows)."""

    def __init__(self, side, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.initializers, self.side, self.count = [], [], side, 0
        self.x = self.node("QuantizeLinear", ["image", *self.constants(*INPUT)], INPUT, 3, side)

    def constant(self, value):
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def constants(self, scale, zero_point):
        return [self.constant(np.float32(scale)), self.constant(np.uint8(zero_point))]

    def node(self, op, inputs, quantisation, channels, rows, domain="", **attributes):
        self.count += 1
        name = f"t{self.count}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=f"{op}_{self.count}", domain=domain, **attributes))
        return (name, *quantisation, channels, rows)

    def conv(self, x, outputs, window=3, stride=1, relu=True):
        name, scale, zero_point, channels, rows = x
        taps = channels * window * window
        weights = self.random.normal(0, 1, (outputs, channels, window, window))
        weights *= 127 / np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
        w_scale = self.random.uniform(0.5, 1.5, outputs).astype(np.float32) * np.float32(0.01)
        # Spreads the results over most of the bytes.
        y_scale = np.float32(scale * 0.01 * np.sqrt(taps) * 32 * (50 if zero_point == 0 else 70) / (80 if relu else 45))
        y = (y_scale, 0 if relu else int(self.random.integers(110, 146)))
        bias = self.random.integers(-3000, 3000, outputs).astype(np.int32)
        inputs = [name, *self.constants(scale, zero_point), self.constant(np.rint(weights).astype(np.int8)),
                  self.constant(w_scale), self.constant(np.zeros(outputs, np.int8)), *self.constants(*y),
                  self.constant(bias)]
        pad = window // 2
        return self.node("QLinearConv", inputs, y, outputs, (rows + 2 * pad - window) // stride + 1,
                         kernel_shape=[window] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def add(self, a, b, relu=True):
        spread = np.float32(a[1] * 1.1 + b[1] * 0.3)
        y = (spread, 0 if relu else 120)
        inputs = [a[0], *self.constants(a[1], a[2]), b[0], *self.constants(b[1], b[2]), *self.constants(*y)]
        return self.node("QLinearAdd", inputs, y, a[3], a[4], domain="com.microsoft")

    def pool(self, x):
        return self.node("MaxPool", [x[0]], x[1:3], x[3], x[4] // 2, kernel_shape=[2, 2], strides=[2, 2])

    def upsample(self, x):
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        return self.node("Resize", [x[0], "", scales], x[1:3], x[3], x[4] * 2, mode="nearest",
                         coordinate_transformation_mode="asymmetric", nearest_mode="floor")

    def coordinates(self, x):
        _, scale, zero_point, channels, rows = x
        axis = np.linspace(-1, 1, rows)
        column, row = np.meshgrid(axis, axis)
        values = np.stack([column, row, np.hypot(column, row) / np.sqrt(2)])
        stored = np.clip(np.rint(values / scale) + zero_point, 0, 255).astype(np.uint8)
        return self.node("Concat", [x[0], self.constant(stored[None])], x[1:3], channels + 3, rows, axis=1)

    def concat(self, a, b):
        return self.node("Concat", [a[0], b[0]], a[1:3], a[3] + b[3], a[4], axis=1)

    def residual(self, x, outputs):
        y = self.conv(self.conv(x, outputs), outputs, relu=False)
        return self.add(y, x if x[3] == outputs else self.conv(x, outputs, 1, relu=False))

    def hourglass(self, x, widths):
        skip = self.residual(x, widths[0])
        low = self.residual(self.pool(x), widths[1] if len(widths) > 1 else widths[0])
        if len(widths) > 1:
            low = self.hourglass(low, widths[1:])
        low = self.residual(low, widths[0])
        return self.add(skip, self.upsample(low), relu=False)

    def save(self, x, path):
        maps = ("heatmaps", *x[1:])
        self.nodes.append(helper.make_node("DequantizeLinear", [x[0], *self.constants(*x[1:3])], [maps[0]], name="Out"))
        graph = helper.make_graph(
            self.nodes, "net", [helper.make_tensor_value_info("image", T.FLOAT, [1, 3, self.side, self.side])],
            [helper.make_tensor_value_info("heatmaps", T.FLOAT, [1, x[3], x[4], x[4]])], self.initializers)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="wingmark-tests")
        model.ir_version = 8
        onnx.checker.check_model(model)
        record(model, path, x[1], x[2])


def every_operator():
    """A little of everything."""
    net = Net(32, 1)
    x = net.conv(net.coordinates(net.x), 16, 3, 2)
    x = net.conv(net.coordinates(x), 16, 1)
    x = net.hourglass(x, [16, 16])
    x = net.conv(net.concat(x, net.pool(net.upsample(x))), 16, 1, relu=False)
    net.save(net.conv(x, 5, 1, relu=False), sys.argv[2])


def landmarks(side=128, stem=32, widths=(64, 64, 96, 128, 128), channels=68, window=3):
    net = Net(side, 2)
    x = net.conv(net.coordinates(net.x), stem, window, 2)
    x = net.residual(net.conv(x, widths[0], 3, 2), widths[0])
    x = net.hourglass(net.conv(net.coordinates(x), widths[0], 1), list(widths))
    x = net.conv(x, widths[0], 1)
    net.save(net.conv(x, channels, 1, relu=False), sys.argv[2])


def float_net():
    random = np.random.default_rng(3)
    initializers, nodes = [], []

    def weights(name, *shape):
        value = random.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)
        initializers.append(numpy_helper.from_array(value, name))
        initializers.append(numpy_helper.from_array(random.normal(0, 0.1, shape[0]).astype(np.float32), name + "b"))
        return [name, name + "b"]

    def conv(x, y, *shape, stride=1, relu=True):
        raw = y + "_raw" if relu else y
        pad = shape[2] // 2
        nodes.append(helper.make_node("Conv", [x, *weights(y + "_w", *shape)], [raw], name=y, strides=[stride] * 2,
                                      kernel_shape=shape[2:], pads=[pad] * 4))
        if relu:
            nodes.append(helper.make_node("Relu", [raw], [y], name=y + "_relu"))

    conv("image", "a", 20, 3, 5, 5, stride=2)
    conv("a", "b", 20, 20, 3, 3, relu=False)
    nodes.append(helper.make_node("Add", ["b", "a"], ["c"], name="c"))
    nodes.append(helper.make_node("MaxPool", ["c"], ["d"], name="d", kernel_shape=[2, 2], strides=[2, 2]))
    conv("d", "e", 20, 20, 1, 1)
    initializers.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"))
    nodes.append(helper.make_node("Resize", ["e", "", "scales"], ["f"], name="f", mode="nearest",
                                  coordinate_transformation_mode="asymmetric", nearest_mode="floor"))
    nodes.append(helper.make_node("Add", ["c", "f"], ["g"], name="g"))
    conv("g", "heatmaps", 7, 20, 1, 1, relu=False)
    graph = helper.make_graph(nodes, "stock", [helper.make_tensor_value_info("image", T.FLOAT, [1, 3, 24, 24])],
                              [helper.make_tensor_value_info("heatmaps", T.FLOAT, [1, 7, 12, 12])], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def unquantised():
    """The float net with heat from 0 to 1, stored with the steps that wingmark gives to float
    nets."""
    model = float_net()
    for tensor in model.graph.initializer:
        if tensor.name.startswith("heatmaps_w"):
            value = numpy_helper.to_array(tensor) * np.float32(0.12) + np.float32(0.5 * tensor.name.endswith("b"))
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    record(model, sys.argv[2], np.float32(1.25 / 255), 25)


def stock():
    """The float net quantised by onnxruntime's own `quantize_static`."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    folder = pathlib.Path(sys.argv[2])
    float_path, path = folder / "unquantised.onnx", folder / "stock.onnx"
    onnx.save(float_net(), float_path)

    class Pictures(CalibrationDataReader):
        left = [picture(24, seed)[1] for seed in range(4)]

        def get_next(self):
            return {"image": self.left.pop()} if self.left else None

    quantize_static(float_path, path, Pictures(), quant_format=QuantFormat.QOperator, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    float_path.unlink()
    model = onnx.load(path)
    values = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    _, scale, zero_point = next(n for n in model.graph.node if n.output[0] == "heatmaps").input
    record(model, folder, values[scale], values[zero_point])


def picture(side, seed):
    """A smooth random picture: bytes [row, column, rgb], and what a net reads."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(0, 255, (side // 8 + 2, side // 8 + 2, 3))
    smooth = np.kron(coarse, np.ones((8, 8, 1)))[:side, :side] + random.normal(0, 20, (side, side, 3))
    rgb = np.clip(smooth, 0, 255).astype(np.uint8)
    return rgb, ((rgb.astype(np.float32) - 128) / 128).transpose(2, 0, 1)[None]


def unsigned_weights(model):
    """The same net with weights w + 128 of zero point 128."""
    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    values = {i.name: i for i in twin.graph.initializer}
    for name in {n.input[i] for n in twin.graph.node if n.op_type == "QLinearConv" for i in (3, 5)}:
        shifted = (numpy_helper.to_array(values[name]).astype(np.int16) + 128).astype(np.uint8)
        values[name].CopyFrom(numpy_helper.from_array(shifted, name))
    return twin


def record(model, folder, scale, zero_point):
    import onnxruntime
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / f"{sys.argv[1]}.onnx")
    side = model.graph.input[0].type.tensor_type.shape.dim[3].dim_value
    rgb, image = picture(side, 7)
    session = onnxruntime.InferenceSession(unsigned_weights(model).SerializeToString(), providers=["CPUExecutionProvider"])
    maps = session.run(None, {"image": image})[0]
    stored = np.clip(np.rint(maps / scale + zero_point), 0, 255).astype(np.uint8)[0].transpose(1, 2, 0)
    (folder / f"{sys.argv[1]}.rgb").write_bytes(rgb.tobytes())
    (folder / f"{sys.argv[1]}.maps").write_bytes(np.ascontiguousarray(stored).tobytes())
    spread = np.percentile(stored, [1, 50, 99])
    print(f"{sys.argv[1]}: {stored.shape}, 1 %, median, 99 % of the stored maps: {spread}")


NETS = {
    "all": every_operator,
    "stock": stock,
    "float": unquantised,
    "small": landmarks,
    "faces": lambda: landmarks(192, 32, (32, 48, 64, 64), 3),
    "wide": lambda: landmarks(64, 16, (16, 32), 17, window=7),
}

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in NETS:
        sys.exit(__doc__ + "    NETS: " + ", ".join(NETS))
    NETS[sys.argv[1]]()
