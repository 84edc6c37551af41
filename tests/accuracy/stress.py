#!/usr/bin/env python3
"""The `common` faces made harder in known ways: Markdown tables of what `wingmark eval` finds.

    cargo build
    python3 tests/accuracy/stress.py --data 300w [--model NAME|DIR] [--float DIR]

Each row is one `wingmark eval --degrade KIND:AMOUNT`, once with boxes from the true points
(upright, whatever the face does) and once with the detector, whose crop turns with the face.
--float is a folder with the same net before it was quantised: `wingmark-trainer export` as
model.onnx, and the model's card with the SHA-256 of that file.
"""
import argparse
import json
import pathlib
import tempfile

from program import wingmark

DEGRADATIONS = [
    None,
    *(f"rotate:{degrees}" for degrees in (15, 30, 45, 60, 90, 180)),
    *(f"blur:{per_cent}" for per_cent in (1, 2, 4)),
    *(f"dark:{factor}" for factor in (4, 8, 16)),
    *(f"face:{pixels}" for pixels in (64, 32, 20)),
    *(f"cover:{per_cent}" for per_cent in (25, 50)),
]


def figures(model, data, split, *options):
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        wingmark("eval", "--data", data, "--split", split, "--model", model, *options, "--json", file.name)
        (found,) = json.load(open(file.name)).values()
    return found


def table(title, models, data, rows, options, cell):
    """Prints a row for each (set, split, degradation) of `rows` whose set lies in `data`, a column
    for each model: `cell` of the figures of `wingmark eval` with these options."""
    print_row = lambda *cells: print(f"| {' | '.join(cells)} |", flush=True)
    print_row(title, *(pathlib.Path(model).name for model in models))
    print("|---" * (len(models) + 1) + "|")
    for name, split, degradation in rows:
        if (data / name).exists():
            more = [*options, *(["--degrade", degradation] if degradation else [])]
            found = [figures(model, data / name, split, *more) for model in models]
            print_row(" ".join(filter(None, [name, split, degradation])), *map(cell, found))
    return print_row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--split", default="common")
    parser.add_argument("--model", default="small")
    parser.add_argument("--float", help="folder with the float net")
    arguments = parser.parse_args()
    head = ["pictures", *(["float NME %"] if arguments.float else []), "int8 NME %", "failures %", "taken for no face",
            "by detector: NME % of found", "missed", "failures %"]
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
    for degradation in DEGRADATIONS:
        options = ["--degrade", degradation] if degradation else []
        evaluate = lambda model, *more: figures(model, arguments.data, arguments.split, *options, *more)
        true, detected = evaluate(arguments.model), evaluate(arguments.model, "--detect")
        cells = [degradation or "as they are"]
        if arguments.float:
            cells.append(f"{evaluate(arguments.float)['nme_percent']:.2f}")
        cells += [f"{true['nme_percent']:.2f}", f"{true['failure_rate_10_percent']:.1f}", str(true["rejected"]),
                  f"{detected['nme_percent']:.2f}", str(detected["missed"]), f"{detected['failure_rate_10_percent']:.1f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
