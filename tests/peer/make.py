#!/usr/bin/env python3
"""Makes net.onnx: a small float net as other projects export them, with an open batch and two
outputs. Needs numpy and onnx."""
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(1)
values = {"w": rng.normal(size=(4, 3, 3, 3)), "b": np.zeros(4), "fc": rng.normal(size=(4, 10))}
nodes = [
    helper.make_node("Conv", ["picture", "w", "b"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]),
    helper.make_node("Relu", ["c"], ["r"]),
    helper.make_node("GlobalAveragePool", ["r"], ["p"]),
    helper.make_node("Flatten", ["p"], ["f"]),
    helper.make_node("MatMul", ["f", "fc"], ["points"]),
    helper.make_node("Identity", ["p"], ["pooled"]),
]
sizes = {"picture": ["batch", 3, 32, 48], "points": ["batch", 10], "pooled": ["batch", 4, 1, 1]}
tensors = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in sizes.items()}
weights = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in values.items()]
graph = helper.make_graph(nodes, "peer", [tensors["picture"]], [tensors["points"], tensors["pooled"]], weights)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, pathlib.Path(__file__).parent / "net.onnx")
