#!/usr/bin/env python3
"""Makes a folder of the faces that the trainer holds out, for `wingmark eval --data OUT --split train`.

    python3 tests/accuracy/held_out.py --data 300w --out held-out
"""
import argparse
import csv
import pathlib
import re


def is_held_out(file):
    """As the trainer's `pictures::is_held_out`."""
    photograph = re.sub(r"_[0-9]*$", "", file.rsplit(".", 1)[0])
    value = 0xCBF29CE484222325
    for byte in photograph.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return (value * 0x9E3779B97F4A7C15 % 2**64 >> 32) % 10 == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    with open(arguments.data / "points.csv", newline="") as file:
        rows = csv.DictReader(file)
        columns = rows.fieldnames
        held_out = [row for row in rows if row["split"] == "train" and is_held_out(row["file"])]
    arguments.out.mkdir(parents=True)
    (arguments.out / "images").symlink_to((arguments.data / "images").resolve())
    with open(arguments.out / "points.csv", "w", newline="") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(held_out)
    print(f"{arguments.out}: {len(held_out)} faces")


if __name__ == "__main__":
    main()
