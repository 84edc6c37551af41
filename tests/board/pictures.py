"""Face pictures as cameras deliver them."""

import numpy
from PIL import Image

SIZE = (640, 480)
HALF_CHROMA = {"NV12", "YU12"}


def scene(portrait, left=0, top=0, width=640):
    """A 640 x 480 picture with the portrait in it."""
    picture = Image.new("RGB", SIZE, (70, 80, 90))
    height = round(width * portrait.height / portrait.width)
    picture.paste(portrait.convert("RGB").resize((width, height), Image.Resampling.LANCZOS), (left, top))
    return picture


def _yuv(picture):
    """BT.601, video range: y as [row, column]; u and v for each pair of columns, as
    [row, column / 2]."""
    r, g, b = numpy.moveaxis(numpy.asarray(picture, numpy.float64), 2, 0)
    y = 16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255
    u = 128 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255
    v = 128 + (112.0 * r - 93.786 * g - 18.214 * b) / 255
    pairs = lambda plane: (plane[:, 0::2] + plane[:, 1::2]) / 2
    return y, pairs(u), pairs(v)


def _bytes(plane):
    return plane.round().clip(0, 255).astype(numpy.uint8)


def _planes(picture, fourcc):
    """The bytes of each plane that a format keeps."""
    if fourcc == "GREY":
        # Full range, as cameras with GREY deliver.
        return [numpy.asarray(picture.convert("L"))]
    y, u, v = _yuv(picture)
    if fourcc in HALF_CHROMA:
        u, v = [(plane[0::2] + plane[1::2]) / 2 for plane in (u, v)]
    return [_bytes(plane) for plane in (y, u, v)]


def raw(picture, fourcc):
    """As a camera delivers it."""
    y, *chroma = _planes(picture, fourcc)
    if fourcc in ("YUYV", "UYVY"):
        pairs = numpy.dstack(chroma).reshape(y.shape)
        return numpy.dstack([y, pairs] if fourcc == "YUYV" else [pairs, y]).tobytes()
    if fourcc == "YU12":
        return b"".join(plane.tobytes() for plane in (y, *chroma))
    return y.tobytes() + (numpy.dstack(chroma).tobytes() if chroma else b"")


def y4m(picture, fourcc, frames=1):
    """The same samples, so many times, as a file for programs without a camera."""
    chroma = "C420" if fourcc in HALF_CHROMA else {"GREY": "Cmono XCOLORRANGE=FULL"}.get(fourcc, "C422")
    planes = b"".join(plane.tobytes() for plane in _planes(picture, fourcc))
    return f"YUV4MPEG2 W{picture.width} H{picture.height} F30:1 {chroma}\n".encode() + frames * (b"FRAME\n" + planes)
