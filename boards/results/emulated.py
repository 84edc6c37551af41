#!/usr/bin/env python3
"""Makes a report of instruction counts, which `wingmark compare` reads, from those that
tests/arm/count.sh records.

    python3 boards/results/emulated.py tests/arm/baseline.csv > boards/results/virtual-aarch64.json
"""
import csv
import datetime
import json
import pathlib
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]


def model(row):
    card = tomllib.loads((ROOT / "models" / row["work"] / "card.toml").read_text())
    return {
        "name": row["work"],
        "threads": 1,
        "kernel": row["by"],
        "input_px": card["input_px"],
        "gmac": card["gmac"],
        "instructions_a_frame": int(row["instructions"]),
    }


def main():
    counts = pathlib.Path(sys.argv[1])
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())
    state = {"frequencies": [], "temperatures": [], "throttling": None, "power_mode": None, "load_average": None,
             "available_memory_mib": None}
    cpu = {"name": "qemu-user", "cores": 1, "features": ["asimd", "asimddp"], "virtual_machine": False}
    report = {
        "schema": 2,
        "wingmark": cargo["workspace"]["package"]["version"],
        "taken": datetime.datetime.fromtimestamp(counts.stat().st_mtime, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "board": "virtual aarch64",
        "emulated": True,
        "method": {"source": "one picture", "paced": False, "seconds": 0.0},
        "machine": {"model": None, "compatible": [], "architecture": "aarch64", "cpu": cpu, "kernels": "sdot",
                    "kernel_release": None, "memory_mib": None},
        "before": state,
        "after": state,
        "models": [model(row) for row in csv.DictReader(counts.open()) if row["macs"]],
        "warnings": ["emulated: instruction counts only, which are not times"],
    }
    json.dump(report, sys.stdout, indent=2)
    print()


main()
