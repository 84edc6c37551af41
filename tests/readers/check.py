#!/usr/bin/env python3
"""Reads the same frames back with programs that know nothing of wingmark: pandas, jq and Foxglove's
mcap package.

    pip install -r tests/readers/requirements.txt        # jq from the distribution
    WINGMARK_READERS_DIR=/tmp/readers cargo test --test record files_for_other_readers
    python tests/readers/check.py /tmp/readers           # faces.csv, .csv.gz, .jsonl, .jsonl.gz and .mcap of the same frames
"""

import io
import json
import subprocess
import sys
import zlib
from pathlib import Path

import pandas
from mcap.exceptions import EndOfFile
from mcap.reader import NonSeekingReader, make_reader

OBSERVATION, ANNOTATIONS = "/wingmark/observation", "/wingmark/annotations"
# Segments between the 68 points, curve by curve.
SEGMENTS = 16 + 4 + 4 + 3 + 4 + 3 + 3 + 3 + 3 + 6 + 4 + 4 + 6


def read_csv(path):
    """Up to the last line's end: a torn row may end within quotation marks, which pandas
    refuses."""
    text = path.read_text()
    rows = pandas.read_csv(io.StringIO(text[: text.rindex("\n") + 1]), dtype={"crc32": str})
    return rows[rows.crc32.str.len() == 8]


def members(path):
    """The text of a packed file up to its last whole member: one that is torn fails its checksum,
    or has none."""
    data, text = path.read_bytes(), b""
    while data:
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            part = member.decompress(data)
        except zlib.error:
            break
        if not member.eof:
            break
        text, data = text + part, member.unused_data
    return text


def read_jsonl(path):
    """jq skips what is no object, such as a torn last line."""
    lines = subprocess.run(
        ["jq", "-c", "-R", "fromjson? | objects"], stdin=path.open(), check=True, capture_output=True, text=True
    ).stdout
    return [json.loads(line) for line in lines.splitlines()]


def read_mcap(path):
    with path.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        summary = reader.get_summary()
        assert {s.name for s in summary.schemas.values()} == {"wingmark.Observation", "foxglove.ImageAnnotations"}
        messages = [(c.topic, m, json.loads(m.data)) for _, c, m in reader.iter_messages()]
        [about] = [record.metadata for record in reader.iter_metadata() if record.name == "wingmark"]
        assert summary.statistics.message_count == len(messages)
    times = [m.log_time for _, m, _ in messages]
    assert times == sorted(times)
    by_topic = lambda topic: [data for t, _, data in messages if t == topic]
    return by_topic(OBSERVATION), by_topic(ANNOTATIONS), about


# Columns of CSV, and what JSON calls them.
EYES = {
    "eye_right_ratio": "right_ratio", "eye_left_ratio": "left_ratio", "eye_right": "right",
    "eye_left": "left", "perclos": "perclos", "eyes_closed": "closed",
}


def check_same(table, objects, observations, annotations):
    assert objects == observations, "JSONL and MCAP differ"
    assert len(objects) == len(annotations) == table.frame.nunique()
    assert [o["sequence"] for o in objects] == list(dict.fromkeys(table.frame))
    for seen, drawn in zip(objects, annotations):
        rows = table[table.frame == seen["sequence"]]
        assert len(drawn["points"]) == 2 * len(seen["faces"]) and len(drawn["texts"]) == len(seen["faces"])
        if not seen["faces"]:
            assert list(rows.success) == [0] and rows.x_0.isna().all()
            continue
        assert (rows.success == 1).all() and list(rows.face_id) == [f["id"] for f in seen["faces"]]
        for i, face in enumerate(seen["faces"]):
            row = rows.iloc[i]
            lines, dots = drawn["points"][2 * i : 2 * i + 2]
            assert (lines["type"], len(lines["points"])) == (4, 2 * SEGMENTS)
            assert (dots["type"], len(dots["points"])) == (1, 68)
            for p, (x, y) in enumerate(face["points"]):
                assert abs(row[f"x_{p}"] - x) < 1e-6 and abs(row[f"y_{p}"] - y) < 1e-6
                # Foxglove counts from the corner of the first pixel.
                assert abs(dots["points"][p]["x"] - x - 0.5) < 1e-6
                assert abs(dots["points"][p]["y"] - y - 0.5) < 1e-6
            for column, key in EYES.items():
                value, unknown = face["eyes"][key], pandas.isna(row[column])
                # JSON has fewer decimals.
                assert unknown if value is None else abs(row[column] - value) < 0.006, column


def check_made_by(table, objects, about):
    """The first record of a file says who made it, in all formats the same."""
    made_by = objects[0]["made_by"]
    assert {"version", "commit", "model", "model_sha256", "board", "kernels", "time_zone", "schema"} <= set(made_by)
    assert not any("made_by" in later for later in objects[1:]) and table.made_by[1:].isna().all()
    assert json.loads(table.made_by[0]) == made_by
    # Metadata are texts. jq wrote 30.0 as 30.
    assert {key: text if isinstance(made_by[key], str) else json.loads(text) for key, text in about.items()} == made_by


def check_packed(folder):
    """gzip, pandas and the members one by one give the text of the file that is not packed."""
    for name in ("faces.csv", "faces.jsonl"):
        packed, text = folder / f"{name}.gz", (folder / name).read_bytes()
        assert subprocess.run(["gzip", "-dc", packed], check=True, capture_output=True).stdout == text
        assert members(packed) == text
        torn = folder / "torn" / packed.name
        torn.write_bytes(packed.read_bytes()[:-20] + bytes(4096))
        whole = members(torn)
        assert text.startswith(whole) and 0 < len(whole) < len(text) and whole.endswith(b"\n")
    rows = pandas.read_csv(folder / "faces.csv.gz", dtype={"crc32": str})
    assert rows.equals(pandas.read_csv(folder / "faces.csv", dtype={"crc32": str}))


def check_torn(folder):
    """Each file cut off in its last record still gives the records before it."""
    torn = folder / "torn"
    torn.mkdir(exist_ok=True)
    for name in ("faces.csv", "faces.jsonl"):
        (torn / name).write_bytes((folder / name).read_bytes()[:-20])
    whole, cut = read_csv(folder / "faces.csv"), read_csv(torn / "faces.csv")
    assert len(cut) == len(whole) - 1 and (cut.frame == whole.frame[:-1]).all()
    whole, cut = read_jsonl(folder / "faces.jsonl"), read_jsonl(torn / "faces.jsonl")
    assert cut == whole[:-1]
    data = (folder / "faces.mcap").read_bytes()
    (torn / "faces.mcap").write_bytes(data[: len(data) * 2 // 3])
    read = 0
    with (torn / "faces.mcap").open("rb") as stream:
        try:
            for _, channel, message in NonSeekingReader(stream, validate_crcs=True).iter_messages(log_time_order=False):
                json.loads(message.data)
                read += channel.topic == OBSERVATION
        except EndOfFile:
            pass
    assert 0 < read < len(whole), f"{read} frames of a torn MCAP file"


def main():
    folder = Path(sys.argv[1])
    table, objects = read_csv(folder / "faces.csv"), read_jsonl(folder / "faces.jsonl")
    observations, annotations, about = read_mcap(folder / "faces.mcap")
    check_same(table, objects, observations, annotations)
    check_made_by(table, objects, about)
    check_torn(folder)
    check_packed(folder)
    print(f"pandas, jq, gzip and mcap agree on {len(objects)} frames and {int(table.success.sum())} faces")


main()
