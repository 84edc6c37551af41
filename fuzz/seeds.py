#!/usr/bin/env python3
"""Makes the small valid inputs that fuzzing and tests/hostile.rs start from, in
fuzz/inputs/TARGET/.

    pip install numpy onnx pillow
    python fuzz/seeds.py
"""

import io
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

FUZZ = Path(__file__).resolve().parent
sys.path.insert(0, str(FUZZ.parent / "tests/nets"))
import generate  # noqa: E402


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pictures():
    grey = Image.linear_gradient("L").resize((12, 9))
    colour = Image.merge("RGB", (grey, grey.rotate(90), grey.rotate(180)))
    turned = Image.Exif()
    turned[0x0112] = 6
    yield from (
        encoded(colour, "JPEG", subsampling=2, quality=50),
        encoded(colour, "JPEG", subsampling=0, progressive=True, quality=50),
        encoded(colour, "JPEG", exif=turned, restart_marker_blocks=1, quality=50),
        encoded(colour.convert("CMYK"), "JPEG", quality=50),
        encoded(grey, "JPEG", quality=50),
        encoded(colour, "PNG"),
        encoded(colour.convert("RGBA"), "PNG"),
        encoded(colour.convert("P", colors=4), "PNG", transparency=1),
        encoded(grey.convert("1"), "PNG"),
        encoded(grey.convert("I;16"), "PNG"),
    )


def mjpegs():
    jpegs = [picture for picture in pictures() if picture.startswith(b"\xff\xd8")]
    yield jpegs[0] + jpegs[1]
    yield jpegs[2] + b"between" + jpegs[4]
    # A picture in a picture's application segment.
    yield jpegs[0][:2] + b"\xff\xe2" + struct.pack(">H", 2 + len(jpegs[4])) + jpegs[4] + jpegs[0][2:]


def y4ms():
    for chroma, samples in (("420jpeg", 4 * 3 + 2 * 2 * 2), ("422", 4 * 3 + 2 * 2 * 3), ("444", 36), ("mono", 12)):
        head = f"YUV4MPEG2 W4 H3 F30:1 Ip A1:1 C{chroma} XCOLORRANGE=FULL\n".encode()
        yield head + 2 * (b"FRAME\n" + bytes(range(100, 100 + samples)))


def annotations():
    """Each begins with the byte that chooses its layout."""
    columns = ",".join(f"x{i},y{i}" for i in range(68))
    yield f"\0file,split,{columns}\na.jpg,train,{','.join(map(str, range(136)))}\n".encode()
    yield ("\1version: 1\nn_points: 68\n{\n" + "".join(f"{i}.5 {i}\n" for i in range(68)) + "}\n").encode()
    yield ("\2" + " ".join(map(str, range(196))) + " 1 2 3 4 0 0 0 0 0 1 a/b.jpg\n").encode()
    yield b"\3file,width,height,x0,y0,x1,y1\na.jpg,9,9,1,2,3,4\nb.jpg,9,9,1,1,2,2\na.jpg,9,9,5,5,6,7\n"


def nets():
    """Two with all int8 operators between them; a float one with its constants in initializers, and
    with them in nodes."""
    found = []
    generate.record = lambda model, *_: found.append(model.SerializeToString())
    sys.argv[1:] = ["seed", "."]
    x = (net := generate.Net(8, 1)).x
    net.save(net.conv(x, 2, 1, relu=False), None)
    x = (net := generate.Net(8, 2)).x
    a = net.conv(net.coordinates(x), 2, 3, 2)
    b = net.upsample(net.pool(net.conv(a, 2, 1)))
    net.save(net.conv(net.concat(net.add(a, b), a), 2, 1, relu=False), None)

    constants = {"w": np.ones((2, 3, 3, 3), np.float32), "scales": np.array([1, 1, 2, 2], np.float32)}
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    yield from found
    yield float_net([], initializers)
    yield float_net([helper.make_node("Constant", [], ["w"], value=initializers[0]),
                     helper.make_node("Constant", [], ["scales"], value_floats=constants["scales"])], [])


def float_net(constants, initializers):
    """Reads `w` and `scales`, which nodes or initializers give."""
    nodes = [
        *constants,
        helper.make_node("Conv", ["image", "w"], ["a"], pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MaxPool", ["b"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Resize", ["c", "", "scales"], ["d"], mode="nearest",
                         coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        helper.make_node("Add", ["b", "d"], ["heatmaps"]),
    ]
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, 8, 8])
              for name, channels in (("image", 3), ("heatmaps", 2))]
    graph = helper.make_graph(nodes, "net", shapes[:1], shapes[1:], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model.SerializeToString()


def folders():
    """Seconds of the clock in four bytes, then names."""
    names = ["faces.csv", "faces-000001-20261124T062804Z.csv", "faces-000002-20261124T072804Z.csv", "faces-x.csv"]
    yield b"\0\0\x01\x6a" + "\n".join(names).encode()
    yield b"\0\0\x01\x6a" + f"faces-{2**64 - 1}-20261124T062804Z.csv\nfaces.csv".encode()


def boards():
    for board in ("jetson-orin-nano", "pi-zero-2w"):
        yield (FUZZ.parent / f"boards/{board}.toml").read_bytes()


def frames():
    """The format, seven fields of four bytes, then the pixels."""
    for layout, row, rows in ((0, 12, 3), (2, 4, 3), (3, 8, 3), (4, 4, 5)):
        yield struct.pack("<B3I4f", layout, 4, 3, row, 1.5, 1.0, 3.0, 0.3) + bytes(range(row * rows))


def cards():
    for card in sorted((FUZZ.parent / "models").glob("*/card.toml")):
        yield card.read_bytes()


def shapes():
    for shape in sorted((FUZZ.parent / "models").glob("*/shape.csv")):
        yield b"".join(shape.read_bytes().splitlines(keepends=True)[:7])


def reports():
    for report in ("board", "emulated"):
        text = (FUZZ.parent / f"tests/reports/{report}.json").read_text()
        yield json.dumps(json.loads(text), separators=(",", ":")).encode()


def pasts():
    """Records of one picture, as the program in target/debug writes them."""
    names = ["a.csv", "b.jsonl", "c.mcap", "d.csv.gz", "e.jsonl.gz"]
    with tempfile.TemporaryDirectory() as folder:
        records = [argument for name in names for argument in ("--record", f"{folder}/{name}")]
        run = [FUZZ.parent / "target/debug/wingmark", "run", "--screen", "none", "--record-fields", "none", *records]
        subprocess.run([*run, "--source", "eileen-collins.jpg"], check=True, cwd=FUZZ.parent / "assets")
        for i, name in enumerate(names):
            yield bytes([i]) + Path(folder, name).read_bytes()


def settings():
    yield b"# A board's.\nsource = \"/dev/video0\"\nrecord = [\"a.csv\", 'b.mcap']\nfaces = 2\nlive = true\nfov = 62.5\n"
    yield b"record-every = \"1s\"\nkeep = \"2G\"\nrotate = 90\nmodel = \"\"\"nano\"\"\"\n"


SEEDS = {
    "board": boards,
    "card": cards,
    "dataset": annotations,
    "folder": folders,
    "frame": frames,
    "mjpeg": mjpegs,
    "model": nets,
    "past": pasts,
    "picture": pictures,
    "report": reports,
    "settings": settings,
    "shape": shapes,
    "y4m": y4ms,
}

for target, make in SEEDS.items():
    folder = FUZZ / "inputs" / target
    folder.mkdir(parents=True, exist_ok=True)
    for i, seed in enumerate(make()):
        (folder / f"seed-{i:02}").write_bytes(seed)
    print(f"{target}: {i + 1} inputs")
