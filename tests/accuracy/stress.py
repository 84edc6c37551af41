#!/usr/bin/env python3
"""The `common` faces made harder in known ways: a Markdown table of what `wingmark eval` finds.

    cargo build --release
    python3 tests/accuracy/stress.py --data 300w [--model NAME|DIR] [--checkpoint FILE.ckpt]

Each row is one `wingmark eval --degrade KIND:AMOUNT`, once with boxes from the true points (upright, whatever the face does)
and once with the detector, whose crop turns with the face. With a checkpoint, the float net stands beside the int8 one
(`wingmark-trainer evaluate --degrade ..`, which has to be built too).
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

TARGET = pathlib.Path(__file__).resolve().parents[2] / "target/release"
DEGRADATIONS = [
    None,
    *(f"rotate:{degrees}" for degrees in (15, 30, 60, 90, 180)),
    *(f"blur:{per_cent}" for per_cent in (1, 2, 4)),
    *(f"dark:{factor}" for factor in (4, 8, 16)),
    *(f"face:{pixels}" for pixels in (64, 32, 20)),
    *(f"cover:{per_cent}" for per_cent in (25, 50)),
]


def figures(command):
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        subprocess.run([*command, "--json", file.name], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (found,) = json.load(open(file.name)).values()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--split", default="common")
    parser.add_argument("--model", default="small")
    parser.add_argument("--checkpoint")
    parser.add_argument("--bin", type=pathlib.Path, default=TARGET, help="folder of the programs")
    arguments = parser.parse_args()
    float_head = " float NME % |" if arguments.checkpoint else ""
    print(f"| pictures |{float_head} int8 NME % | failures % | taken for no face | by detector: NME % of found | missed | failures % |")
    print("|---|" + "---|" * (7 if arguments.checkpoint else 6))
    for degradation in DEGRADATIONS:
        harder = ["--degrade", degradation] if degradation else []
        command = [arguments.bin / "wingmark", "eval", "--data", arguments.data, "--split", arguments.split,
                   "--model", arguments.model, *harder]
        true, detected = figures(command), figures([*command, "--detect"])
        row = f"| {degradation or 'as they are'} |"
        if arguments.checkpoint:
            trainer = [arguments.bin / "wingmark-trainer", "evaluate", "--checkpoint", arguments.checkpoint, "--data",
                       arguments.data, "--split", arguments.split, *harder]
            out = subprocess.run(trainer, check=True, capture_output=True, text=True).stdout
            row += f" {json.loads(out)['nme_percent']:.2f} |"
        row += f" {true['nme_percent']:.2f} | {true['failure_rate_10_percent']:.1f} | {true['rejected']} |"
        row += f" {detected['nme_percent']:.2f} | {detected['missed']} | {detected['failure_rate_10_percent']:.1f} |"
        print(row, flush=True)


main()
