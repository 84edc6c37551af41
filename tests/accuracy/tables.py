"""Tables of data sets, as the scripts of this folder read them; what they cannot use is told in one
line, and ends them."""
import argparse
import csv
import pathlib
import sys

COORDINATES = [f"{axis}{i}" for i in range(68) for axis in "xy"]
# The same face, as `wingmark eval` counts it.
SAME_PX = 0.5


def read(path, needed):
    """Columns and rows of a table with commas, semicolons or tabs."""
    if not path.exists():
        sys.exit(f"there is no {path}; expected a folder with {path.name} and images/ (.pts files are not read here)")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            head = file.readline()
            file.seek(0)
            table = csv.DictReader(file, delimiter=max(",;\t", key=head.count))
            columns, rows = table.fieldnames or [], list(table)
    except (csv.Error, UnicodeDecodeError) as error:
        sys.exit(f"{path} is no table in UTF-8: {error}")
    missing = [column for column in needed if column not in columns]
    if missing:
        sys.exit(f"{path} has no column {missing[0]}; expected file, split, x0, y0 .. x67, y67")
    return columns, rows


def points_of(row):
    """Of a face, or none where a coordinate is no number."""
    try:
        return [float(row[column]) for column in COORDINATES]
    except (TypeError, ValueError):
        return None


def faces(data, split=None):
    """Columns, and rows that have all points: one a face, however often it is listed; of a split,
    where one is named."""
    path = pathlib.Path(data) / "points.csv"
    columns, rows = read(path, ["file", "split", *COORDINATES])
    kept, of_picture = [], {}
    for number, row in enumerate(rows, 2):
        if split and row["split"] != split:
            continue
        points = points_of(row)
        if points is None:
            print(f"left out: {path}, line {number}: a coordinate is no number", file=sys.stderr)
            continue
        others = of_picture.setdefault((row["split"], row["file"]), [])
        if all(max(abs(a - b) for a, b in zip(points, other)) > SAME_PX for other in others):
            others.append(points)
            kept.append(row)
    return columns, kept


def write(path, columns, rows):
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)


def model(text):
    """A model's folder, for argparse."""
    folder = pathlib.Path(text)
    missing = [name for name in ("card.toml", "model.onnx") if not (folder / name).is_file()]
    if missing:
        raise argparse.ArgumentTypeError(f"{folder} has no {missing[0]}; expected a model's folder, as models/small")
    return folder
