"""Makes the README's moving picture from the frames that wingmark shows.

    wingmark run --source clip --screen png:frames --frames 120
    python3 assets/moving.py frames assets/demo.webp

Needs pillow.
"""

import pathlib
import sys

from PIL import Image

SIDE_PX = 256
# What the face never leaves, below the line of figures: left, top, right, bottom of 512x512.
PART = (100, 24, 356, 280)
# Of 30 frames a second.
EVERY = 3


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, out = map(pathlib.Path, sys.argv[1:])
    files = sorted(folder.glob("*.png"))[::EVERY]
    if not files:
        sys.exit(f"{folder}: no frames; expected 000000.png and on, as --screen png:{folder} writes them")
    pictures = [Image.open(file).convert("RGB").crop(PART).resize((SIDE_PX, SIDE_PX)) for file in files]
    rest = {"append_images": pictures[1:], "duration": 1000 * EVERY // 30, "loop": 0}
    pictures[0].save(out, save_all=True, quality=50, method=6, **rest)


if __name__ == "__main__":
    main()
