"""What wingmark recorded, read by programs that share nothing with it."""

import csv
import dataclasses
import datetime
import json
import zlib

import numpy


@dataclasses.dataclass
class Record:
    """A frame as it was observed. faces: 68 x 2 points in frame pixels for each."""

    sequence: int
    dropped: int
    captured_s: float
    wall_time: datetime.datetime
    faces: list


class TornRecord(Exception):
    pass


def _wall_time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def _record(value):
    faces = [numpy.array(face["points"]) for face in value["faces"]]
    return Record(value["sequence"], value["dropped"], value["captured_s"], _wall_time(value["wall_time"]), faces)


def jsonl(path):
    """The records of a JSONL file; its last line may be torn, no other."""
    *lines, torn = path.read_bytes().split(b"\n")
    try:
        return [_record(json.loads(line)) for line in lines]
    except ValueError as error:
        raise TornRecord(f"{path}: {error}") from error


def csv_rows(path):
    """The records of a CSV file; its last row may be torn, no other."""
    text, torn, rest = path.read_bytes().rpartition(b"\n")
    lines = text.split(b"\n") if torn else []
    records = []
    for line in lines[1:]:
        row, comma, check = line.rpartition(b",")
        if b"%08x" % zlib.crc32(row + comma) != check:
            raise TornRecord(f"{path}: the row {line[:40]!r}.. has a wrong sum")
        fields = next(csv.DictReader([lines[0].decode(), line.decode()]))
        sequence = int(fields["frame"])
        if not records or records[-1].sequence != sequence:
            wall_time = _wall_time(fields["wall_time"])
            records.append(Record(sequence, int(fields["dropped"]), float(fields["timestamp"]), wall_time, []))
        if fields["success"] == "1":
            points = [[float(fields[f"{axis}_{i}"]) for axis in "xy"] for i in range(68)]
            records[-1].faces.append(numpy.array(points))
    return records


def mcap(path):
    """The records of an MCAP file, which may end anywhere. Needs the package mcap."""
    from mcap.exceptions import EndOfFile
    from mcap.reader import NonSeekingReader

    records = []
    with path.open("rb") as stream:
        try:
            for _, channel, message in NonSeekingReader(stream, validate_crcs=True).iter_messages(log_time_order=False):
                if channel.topic == "/wingmark/observation":
                    records.append(_record(json.loads(message.data)))
        except EndOfFile:
            pass
    return records


READERS = {".csv": csv_rows, ".jsonl": jsonl, ".mcap": mcap}


def unaccounted(records):
    """Sequence numbers, from the first record to the last, that are neither recorded nor counted as
    dropped."""
    missing = []
    for earlier, later in zip(records, records[1:]):
        if later.sequence - earlier.sequence != later.dropped + 1:
            missing.append((earlier.sequence, later.sequence, later.dropped))
    return missing


def farthest(a, b):
    """The greatest distance, in pixels, between a point of face a and the same point of face b."""
    return float(numpy.linalg.norm(a - b, axis=1).max())
