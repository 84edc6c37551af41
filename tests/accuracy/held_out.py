#!/usr/bin/env python3
"""Makes a folder of the faces, or of the whole pictures, that the trainer holds out.

    python3 tests/accuracy/held_out.py --data 300w --out held-out               # of landmark nets
    python3 tests/accuracy/held_out.py --data 300w --out held-out --detector    # of the face detector
    wingmark eval --data held-out --split train

A data set with boxes.csv (whole pictures) is always the detector's: `wingmark eval --data
held-out`. The two hold out different photographs: choose a landmark net, its presence or its tables
by the faces held out of landmark nets alone, and a detector by those held out of the detector.

    python3 tests/accuracy/held_out.py --check     # these rules against the trainer's table
"""
import argparse
import csv
import pathlib
import re
import sys

import tables

RULES = pathlib.Path(__file__).parents[2] / "trainer/src/task/photographs.csv"


def name_hash(name):
    """As the trainer's `photographs::name_hash`."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value * 0x9E3779B97F4A7C15 % 2**64 >> 32


def stem(file):
    return file.rsplit(".", 1)[0]


def photograph(file):
    """As the trainer's `photographs::without_last_number`."""
    name, _, number = stem(file).rpartition("_")
    has_number = re.search("[0-9]", re.split(r"[/\\]", name)[-1])
    tells_faces = len(number) <= 2 or file.startswith(("wider_", "infan_"))
    return name if re.fullmatch("[0-9]*", number) and has_number and tells_faces else stem(file)


def photograph_of_detector(file):
    """As the trainer's `photographs::without_number_of_cut`."""
    name = stem(file)
    is_numbered = name.startswith(("helen_", "wflw_", "cacd_", "ytf_", "rmfd_"))
    if is_numbered or (name.startswith("wider_") and re.search("(_[0-9]*){3}$", name)):
        name = name.rpartition("_")[0]
    return re.sub(r"^(wflw|wider)_", "", name)


def is_held_out(file):
    """As the trainer's `photographs::OF_LANDMARKS`."""
    return name_hash(photograph(file)) % 10 == 0


def is_held_out_of_detector(file):
    """As the trainer's `photographs::OF_DETECTOR`."""
    return name_hash(photograph_of_detector(file)) % 8 == 0


NONE = "none of the faces is held out, which one photograph in ten of the split train is, by its name; add --data"


def check():
    """Compares the rules with the answers that the trainer's are held to."""
    with open(RULES, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    for file, *expected in rows:
        yes_or_no = lambda held_out: "yes" if held_out else "no"
        found = [photograph(file), yes_or_no(is_held_out(file))]
        found += [photograph_of_detector(file), yes_or_no(is_held_out_of_detector(file))]
        if found != expected:
            raise SystemExit(f"{file}: expected {expected} as {RULES} has it, found {found}")
    print(f"{len(rows)} names go the trainer's way")


def write(data, out, keep):
    """Writes points.csv and images/ of the faces that are kept, and gives their number."""
    columns, rows = tables.faces(data)
    rows = [row for row in rows if keep(row)]
    make(data, out)
    tables.write(out / "points.csv", columns, rows)
    return len(rows)


def write_boxes(data, out, keep):
    """The same of whole pictures and their boxes."""
    kept = {}
    for name in ["boxes.csv", "ignore.csv"]:
        if (data / name).exists():
            columns, rows = tables.read(data / name, ["file"])
            kept[name] = columns, [row for row in rows if keep(row["file"])]
    make(data, out)
    for name, table in kept.items():
        tables.write(out / name, *table)
    return len(kept["boxes.csv"][1])


def make(data, out):
    if out.exists():
        sys.exit(f"{out} is there already; remove it, or name another folder")
    out.mkdir(parents=True)
    (out / "images").symlink_to((data / "images").resolve())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--detector", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if arguments.check:
        return check()
    if not (arguments.data and arguments.out):
        parser.error("expected --data and --out, or --check")
    data, out = arguments.data, arguments.out
    whole = (data / "boxes.csv").exists()
    held_out = is_held_out_of_detector if whole or arguments.detector else is_held_out
    if whole:
        count = write_boxes(data, out, held_out)
    else:
        count = write(data, out, lambda row: row["split"] == "train" and held_out(row["file"]))
    print(f"{out}: {count} faces")


if __name__ == "__main__":
    main()
