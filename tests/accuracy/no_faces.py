#!/usr/bin/env python3
"""Makes a data set of pictures without faces for `wingmark eval`, out of folders of such pictures.

    python3 tests/accuracy/no_faces.py --out DIR FOLDER...
    wingmark eval --data DIR

Needs pillow. Pictures are shrunk to at most 960 pixels. Look at DIR/images yourself: that no face
is in them is your word. The figures in the documents are of the pictures (file over 60 KB) of
Debian 12's packages plasma-workspace-wallpapers, gnome-backgrounds, mate-backgrounds,
ukui-wallpapers, lomiri-wallpapers-16.04 and lomiri-wallpapers-20.04: `apt-get download PACKAGE`,
`dpkg -x PACKAGE.deb FOLDER`.
"""
import argparse
import pathlib

from PIL import Image

KINDS = {".jpg", ".jpeg", ".png", ".webp"}
SMALLEST_BYTES = 60_000
LONGEST_PX = 960


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("folders", type=pathlib.Path, nargs="+")
    arguments = parser.parse_args()
    Image.MAX_IMAGE_PIXELS = None
    images = arguments.out / "images"
    images.mkdir(parents=True)
    rows = ["file,x0,y0,x1,y1"]
    for file in sorted(f for folder in arguments.folders for f in folder.rglob("*")):
        known = file.suffix.lower() in KINDS and not file.is_symlink() and "screenshot" not in file.stem
        if not known or file.stat().st_size <= SMALLEST_BYTES:
            continue
        picture = Image.open(file).convert("RGB")
        picture.thumbnail((LONGEST_PX, LONGEST_PX))
        name = f"{len(rows) - 1:04}.jpg"
        picture.save(images / name, quality=92)
        rows.append(f"{name},,,,")
    (arguments.out / "boxes.csv").write_text("\n".join(rows) + "\n")
    print(f"{len(rows) - 1} pictures")


main()
