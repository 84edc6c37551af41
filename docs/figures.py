"""Makes the tables of figures in the documents, so that no figure is typed twice.

    python3 docs/figures.py            # writes each table anew
    python3 docs/figures.py --check    # exit code 1, and the file's name, where a table differs

A table stands between `<!-- figures: NAME -->` and `<!-- end of figures -->`. It is made of the
models' cards, the reports of `wingmark bench`, the counts of instructions and bytes, the boards'
profiles, tests/accuracy/peers.csv and tests/record/bytes.csv. Above a table that was measured by
hand, `<!-- measured with NET HASH .. -->` names the nets by the start of the SHA-256 of model.onnx:
where another one ships now, that is said, with exit code 1. Needs Python 3.11 and nothing else.
"""

import csv
import hashlib
import json
import pathlib
import re
import sys
import tomllib
from decimal import ROUND_HALF_UP, Decimal

ROOT = pathlib.Path(__file__).resolve().parent.parent
ORDER = ["nano", "small", "base", "faces"]
REPORT = "boards/results/x86-64-xeon-amx.json"
EMULATED = "boards/results/virtual-aarch64.json"
MARKED = re.compile(r"(<!-- figures: ([a-z0-9_-]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def cards():
    """Each shipped model's card, known ones first."""
    read = {p.parent.name: tomllib.loads(p.read_text(), parse_float=Decimal) for p in ROOT.glob("models/*/card.toml")}
    order = sorted(read, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    return [read[name] for name in order]


def rows(name):
    with open(ROOT / name, newline="") as file:
        return list(csv.DictReader(file))


def report():
    return json.loads((ROOT / REPORT).read_text())


def table(head, body):
    """Markdown; every cell a text."""
    lines = [head, ["---"] * len(head), *body]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def rounded(value, digits):
    """As everybody rounds: 3.125 is 3.13."""
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def measured(accuracy):
    unit, digits = {"nme_percent": ("% NME", 2), "recall_percent": ("% recall", 1)}.get(accuracy["measure"], (accuracy["measure"], 2))
    return f"{rounded(accuracy['int8'], digits)} {unit}"


def models():
    """What the shipped models are, and their first figure."""
    def row(card):
        finds = "faces" if "faces" in card["task"] else "68 landmarks"
        first = card["accuracy"][0]
        int8 = measured(first)
        return [f"`{card['name']}`", finds, f"{card['input_px']} px", f"{card['gmac']:.3f}", int8, f"{first['data']}, {first['split']}"]
    return table(["model", "finds", "input", "GMAC", "int8", "measured on"], map(row, cards()))


def accuracy():
    """Every figure of every card, with its command."""
    body = []
    for card in cards():
        for figure in card["accuracy"]:
            int8 = measured(figure)
            what = ", ".join(filter(None, [figure["data"], figure["split"], figure.get("normaliser"), f"box: {figure['box']}"]))
            body.append([f"`{card['name']}`", what, int8, f"`{figure['command']}`"])
    return table(["model", "on", "int8", "command"], body)


def peers():
    """Our models beside others, on the same pictures."""
    ours = {card["name"]: card for card in cards()}
    notes = {"mesh": "¹", "trained": "²", "": ""}
    body = []
    for row in rows("tests/accuracy/peers.csv"):
        name = row["program"]
        if name.startswith("wingmark "):
            card = ours[name.split()[1]]
            common = rounded(card["accuracy"][0]["int8"], 2)
            # A net takes as long with other weights, and not in another shape.
            if card["parameters"] != int(row["parameters"]):
                row |= {"net_ms": ""}
            body.append([f"**{name}**", common, row["net_ms"]])
        else:
            body.append([name + notes[row["note"]], row["common"], row["net_ms"]])
    return table(["program", "common, NME %", "net, ms"], body)


def milliseconds(microseconds):
    return f"{microseconds / 1e3:.3g} ms"


def speed():
    """Frames and nets of the report of one machine."""
    def row(model):
        stages = model["stages"]
        return [
            f"`{model['name']}`", str(model["threads"]), milliseconds(model["frame"]["median_us"]),
            milliseconds(model["frame"]["p99_us"]), milliseconds(stages["net"]["median_us"]),
            f"{model['peak_memory_bytes'] / 1e6:.0f} MB", f"{model['first_landmarks_ms']:.0f} ms",
        ]
    head = ["model", "threads", "frame, median", "p99", "net, median", "memory", "start to first landmarks"]
    return table(head, map(row, report()["models"]))


def machine():
    """Where and when the report was taken."""
    found = report()
    kind = "virtual machine" if found["machine"]["cpu"]["virtual_machine"] else "machine"
    return (
        f"[{REPORT}](../{REPORT}), {found['taken'][:10]}:\n{found['machine']['cpu']['name']}, "
        f"{found['machine']['architecture']}, {found['machine']['kernels']}, {found['machine']['cpu']['cores']} cores of a {kind}.\n"
    )


def stages():
    """Medians of each stage, in microseconds, on one thread."""
    single = [model for model in report()["models"] if model["threads"] == 1]
    names = list(dict.fromkeys(name for model in single for name in model["stages"]))
    def cell(model, name):
        return f"{model['stages'][name]['median_us']:.0f}" if name in model["stages"] else ""
    body = [[f"`{name}`", *(cell(model, name) for model in single)] for name in names]
    return table(["stage, median µs", *(f"`{model['name']}`" for model in single)], body)


def arm():
    """Instructions a net, and their share of what the instruction sets can do."""
    body = []
    for row in rows("tests/arm/baseline.csv"):
        if not row.get("macs"):
            continue
        count, macs = int(row["instructions"]), int(row["macs"])
        sdot = f"{count / (macs / 16):.2f}" if row["by"] == "sdot" else ""
        smull = f"{count / (3 * macs / 8):.2f}" if row["by"] == "smull" else ""
        body.append([f"`{row['work']}`", row["by"], f"{count:,}", sdot, smull])
    return table(["net", "kernels", "instructions", "x MAC / 16", "x 3 MAC / 8"], body)


def frame():
    """Instructions of the stages of a whole frame, by format and core."""
    counts, stages = {}, []
    for row in rows("tests/arm/baseline.csv"):
        if not row["macs"]:
            form, stage = row["work"].split()
            counts[stage, form, row["by"]] = int(row["instructions"])
            stages.append(stage)
    columns = [(form, core) for core in ("cortex-a53", "cortex-a76") for form in ("yuyv", "nv12")]
    body = [[f"`{stage}`", *(f"{counts[stage, *column]:,}" for column in columns)] for stage in dict.fromkeys(stages)]
    return table(["stage", *(f"{form.upper()}, {core.removeprefix('cortex-').upper()}" for form, core in columns)], body)


def threads():
    """How many times as fast several cores are, simulated."""
    head = ["net", "kernels", "steps", "chunks", "one core", "2", "3", "4", "4, one late", "4, one never comes", "2 + 2 of speed 0.4", "4, one taken away"]
    def row(found):
        values = list(found.values())
        return [f"`{values[0]}`", *values[1:4], f"{values[4]} ms", *values[5:]]
    return table(head, map(row, rows("tests/arm/threads.csv")))


def memory():
    """Bytes in which one to four threads hold a frame, by Winograd's algorithm and all direct."""
    found = {(row["net"], row["kernel"]): row for row in rows("tests/arm/memory.csv")}
    threads = ("one", "two", "three", "four")
    def row(net):
        direct, own = (found[net, kernel] for kernel in ("smull-direct", "smull"))
        sizes = [f"{int(own[count]) / 1000:.0f} KB, {int(own[count]) / int(direct[count]):.2f}" for count in threads]
        return [f"`{net}`", f"{int(direct['one']) / 1000:.0f} KB", *sizes]
    return table(["net", "all direct", "1 thread", "2", "3", "4"], map(row, ORDER))


# A board's name, kernels, instructions that its core begins a cycle, and cycles a microsecond.
CORES = [
    ("Zero 2 W, A53 at 1.0 GHz", "smull", 2, 1000),
    ("Pi 3 B+, A53 at 1.4 GHz", "smull", 2, 1400),
    ("Pi 4, A72 at 1.5 GHz", "smull", 3, 1500),
    ("Pi 5, A76 at 2.4 GHz", "sdot", 4, 2400),
]


def shortest(net, core):
    """The shortest time that a net can take on a core, by its instructions."""
    counts = {(row["work"], row["by"]): int(row["instructions"]) for row in rows("tests/arm/baseline.csv")}
    _, kernel, width, cycles = core
    return f"{counts[net, kernel] / width / cycles / 1e3:.1f} ms"


def least():
    """The shortest time that each net can take."""
    body = [[f"`{net}`", *(shortest(net, core) for core in CORES)] for net in ORDER]
    return table(["net, at least", *(core[0] for core in CORES)], body)


def glance():
    """What a net costs, and how good it is."""
    single = {model["name"]: model for model in report()["models"] if model["threads"] == 1}
    ours = [card for card in cards() if card["name"] in single]
    cells = lambda of: [of(card) for card in ours]
    body = [["mean error on 300-W common, as a share of the eyes' distance", *cells(lambda card: f"{rounded(card['accuracy'][0]['int8'], 2)} %")],
            ["a frame with one face, on one core of a PC", *cells(lambda card: milliseconds(single[card["name"]]["frame"]["median_us"]))]]
    body += [[f"the net alone, {core[0]}, at least", *cells(lambda card: shortest(card["name"], core))] for core in CORES[2:]]
    return table(["", *(f"`{card['name']}`" for card in ours)], body)


def boards():
    """The shipped profiles."""
    def row(path):
        profile = tomllib.loads(path.read_text())
        camera = profile.get("camera", {})
        wish = f"{camera.get('size', '')} at {camera['rate']}" if "rate" in camera else camera.get("size", "")
        return [f"`{path.stem}`", profile["name"], str(profile.get("threads", 1)), f"`{profile.get('model', '')}`", wish]
    return table(["profile", "board", "threads", "model", "camera"], map(row, sorted(ROOT.glob("boards/*.toml"))))


# What a log is for, by the end of its name.
FORMATS = {
    "csv": "OpenFace's columns, then our own; a frame without a face has a row with success 0",
    "jsonl": "an object a frame",
    "mcap": "for Foxglove, which draws it; packed by LZ4",
    "csv.gz": "`.csv`, packed",
    "jsonl.gz": "`.jsonl`, packed",
}
ROOMS = ("one_face", "four_faces", "empty_room")
DISK_BYTES = 2 * 2**30


def log_bytes():
    """Bytes a frame of each format, all fields, a flush a second."""
    return {(row["format"], row["fields"], int(row["frames_a_flush"])): row for row in rows("tests/record/bytes.csv")}


def formats():
    """What the formats of a log are, and take."""
    found = log_bytes()
    cells = lambda end: [f"{int(found[end, 'all', 30][room]):,}" for room in ROOMS]
    body = [[f"`.{end}`", what, *cells(end)] for end, what in FORMATS.items()]
    return table(["name", "what", "bytes a frame: one face", "four faces", "none"], body)


# A log, its options, its fields, and records a second in each room, at 30 frames a second.
LOGS = [
    ("csv", "", "all", (30, 30, 30)),
    ("csv", "--record-every 1s", "all", (1, 1, 1)),
    ("csv", "--record-when face", "all", (30, 30, 1 / 60)),
    ("csv", "--record-fields points,pose,eyes", "points,pose,eyes", (30, 30, 30)),
    ("csv.gz", "", "all", (30, 30, 30)),
    ("csv.gz", "--record-every 1s", "all", (1, 1, 1)),
    ("csv.gz", "--record-fields points,pose,eyes", "points,pose,eyes", (30, 30, 30)),
    ("csv.gz", "--record-fields pose,eyes", "pose,eyes", (30, 30, 30)),
    ("jsonl.gz", "", "all", (30, 30, 30)),
    ("mcap", "", "all", (30, 30, 30)),
    ("mcap", "--record-every 1s", "all", (1, 1, 1)),
    ("mcap", "--record-fields points,pose,eyes", "points,pose,eyes", (30, 30, 30)),
]


def log_hours():
    """What a log takes in an hour, and how long 2 GiB last."""
    found = log_bytes()
    def cell(end, fields, rate, room):
        block = 30 if rate == 30 else 1
        hour = int(found[end, fields, block][room]) * rate * 3600
        hours = DISK_BYTES / hour
        lasts = f"{hours:.1f} hours" if hours < 10 else f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days" if hours < 24 * 730 else f"{hours / 24 / 365:.0f} years"
        size = f"{hour / 1e6:.0f} MB" if hour >= 1e7 else f"{hour / 1e6:.1f} MB" if hour >= 1e6 else f"{hour / 1e3:.0f} KB"
        return f"{size}, {lasts}"
    def row(log):
        end, options, fields, rates = log
        name = f"`.{end}`" + (f", `{options}`" if options else "")
        return [name, *(cell(end, fields, rate, room) for rate, room in zip(rates, ROOMS))]
    return table(["an hour, and how long 2 GiB last", "one face all the time", "four faces", "an empty room"], map(row, LOGS))


def reports_of_other_counts():
    """The emulated report, where its counts are not those of tests/arm/baseline.csv."""
    reported = {(m["name"], m["kernel"]): m["instructions_a_frame"] for m in json.loads((ROOT / EMULATED).read_text())["models"]}
    counted = {(row["work"], row["by"]): int(row["instructions"]) for row in rows("tests/arm/baseline.csv") if row["macs"]}
    return [] if reported == counted else [EMULATED]


def tables_of_other_nets(path, text):
    """Tables that were measured by hand with nets that are no longer those that ship."""
    stale = []
    for number, line in enumerate(text.splitlines(), 1):
        for name, then in re.findall(r"(\w+) ([0-9a-f]{8})", line) if line.startswith("<!-- measured with ") else ():
            now = hashlib.sha256((ROOT / f"models/{name}/model.onnx").read_bytes()).hexdigest()[:8]
            if now != then:
                stale.append(f"{path.relative_to(ROOT)}:{number}: measured with another {name}; measure again, and write {now}")
    return stale


TABLES = {make.__name__: make for make in (models, accuracy, peers, speed, machine, stages, arm, frame, threads, memory, least, glance, boards, formats, log_hours)}


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    differ, stale = [], []
    for path in sorted({ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/**/*.md"), *ROOT.glob("trainer/*.md")}):
        text = path.read_text()
        stale += tables_of_other_nets(path, text)
        made = MARKED.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)
        if made == text:
            continue
        differ.append(path.relative_to(ROOT))
        if not check:
            path.write_text(made)
    for path in differ:
        print(f"{path}: {'differs from the cards and reports; run python3 docs/figures.py' if check else 'written'}")
    stale += [f"{path}: differs from tests/arm/baseline.csv; boards/results/emulated.py makes it" for path in reports_of_other_counts()]
    print("".join(f"{line}\n" for line in stale), end="")
    sys.exit(1 if stale or check and differ else 0)


if __name__ == "__main__":
    main()
