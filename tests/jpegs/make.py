"""Writes the JPEGs beside it: one photograph, as several encoders write it. Needs Pillow and
ffmpeg.

    python3 tests/jpegs/make.py
"""
import pathlib
import subprocess

from PIL import Image

here = pathlib.Path(__file__).parent
with Image.open(here.parent.parent / "assets/eileen-collins.jpg") as portrait:
    photo = portrait.convert("RGB").resize((112, 80))

LIBJPEG = {
    "libjpeg-420": {"subsampling": 2},
    "libjpeg-422": {"subsampling": 1},
    "libjpeg-444": {"subsampling": 0},
    "libjpeg-own-tables": {"subsampling": 2, "optimize": True},
    "libjpeg-progressive": {"subsampling": 2, "progressive": True},
    "libjpeg-restarts": {"subsampling": 2, "restart_marker_rows": 1},
    "libjpeg-many-restarts": {"subsampling": 1, "restart_marker_blocks": 3},
}
for name, options in LIBJPEG.items():
    photo.save(here / f"{name}.jpg", "JPEG", quality=75, **options)
photo.convert("L").save(here / "libjpeg-grey.jpg", "JPEG", quality=75)

FFMPEG = {
    "ffmpeg-420": ["-pix_fmt", "yuvj420p"],
    "ffmpeg-422": ["-pix_fmt", "yuvj422p", "-huffman", "default"],
    "ffmpeg-444": ["-pix_fmt", "yuvj444p"],
    "ffmpeg-restarts": ["-pix_fmt", "yuvj420p", "-huffman", "default", "-slices", "5", "-threads", "5"],
}
source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "x".join(map(str, photo.size)), "-i", "-"]
exact = ["-bitexact", "-sws_flags", "bitexact", "-color_range", "pc", "-q:v", "4", "-frames:v", "1"]
for name, options in FFMPEG.items():
    command = ["ffmpeg", "-loglevel", "error", "-y", *source, *options, *exact, "-c:v", "mjpeg", "-f", "image2"]
    subprocess.run([*command, "-update", "1", here / f"{name}.jpg"], input=photo.tobytes(), check=True)
