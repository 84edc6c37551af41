"""Face pictures as cameras deliver them."""

import numpy
from PIL import Image

SIZE = (640, 480)


def scene(portrait, left=0, top=0, width=640):
    """A 640 x 480 picture with the portrait in it."""
    picture = Image.new("RGB", SIZE, (70, 80, 90))
    height = round(width * portrait.height / portrait.width)
    picture.paste(portrait.convert("RGB").resize((width, height), Image.Resampling.LANCZOS), (left, top))
    return picture


def _yuv(picture):
    """BT.601, video range: y as [row, column]; u and v for each pair of columns, as [row, column / 2]."""
    r, g, b = numpy.moveaxis(numpy.asarray(picture, numpy.float64), 2, 0)
    y = 16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255
    u = 128 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255
    v = 128 + (112.0 * r - 93.786 * g - 18.214 * b) / 255
    pairs = lambda plane: (plane[:, 0::2] + plane[:, 1::2]) / 2
    return y, pairs(u), pairs(v)


def _bytes(plane):
    return plane.round().clip(0, 255).astype(numpy.uint8)


def yuyv(picture):
    y, u, v = _yuv(picture)
    frame = numpy.empty((*y.shape, 2))
    frame[:, :, 0] = y
    frame[:, 0::2, 1] = u
    frame[:, 1::2, 1] = v
    return _bytes(frame).tobytes()


def nv12(picture):
    y, u, v = _yuv(picture)
    rows = lambda plane: (plane[0::2] + plane[1::2]) / 2
    return _bytes(y).tobytes() + _bytes(numpy.dstack([rows(u), rows(v)])).tobytes()


def grey(picture):
    """Full range, as cameras with GREY deliver."""
    return picture.convert("L").tobytes()


RAW = {"YUYV": yuyv, "NV12": nv12, "GREY": grey}
