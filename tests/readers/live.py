#!/usr/bin/env python3
"""Live output as other programs read it: against the JSON Schema, and the examples' numbers.

    pip install -r tests/readers/requirements.txt
    cargo build && python tests/readers/live.py          # target/debug/wingmark, or the program that is named
"""

import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import jsonschema

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path += [str(REPOSITORY / "tests/common"), str(REPOSITORY / "examples")]
import drowsiness
import ros2_bridge
from live_run import PORTRAIT, LiveRun

SCHEMA = json.loads((REPOSITORY / "docs/observation.schema.json").read_text())


def strict(schema):
    """The same schema, where every object has the keys that it names and no other: a key that is new is described."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: strict(part) for key, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and "object" in schema.get("type", []):
        schema["additionalProperties"] = False
    return schema


def check_schema(objects, where):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(strict(SCHEMA))
    for seen in objects:
        faults = [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(seen)]
        assert not faults, (where, faults)
    broken = {**objects[0], "schema": "two"}
    assert list(validator.iter_errors(broken)), "the schema lets everything pass"


def lines(wingmark):
    run = [wingmark, "run", "--source", "clip", "--screen", "none", "--frames", "60", "--record", "-"]
    output = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def events(wingmark):
    """Some objects of the page's stream, and its health."""
    with LiveRun(wingmark, "--serve", "0") as run:
        address = run.said("the page is at ").split()[-1]
        found = []
        with urllib.request.urlopen(address + "/events", timeout=60) as stream:
            while len(found) < 3:
                line = stream.readline()
                assert line, "the stream ended"
                if line.startswith(b"data: "):
                    found.append(json.loads(line[6:]))
        with urllib.request.urlopen(address + "/metrics", timeout=60) as answer:
            text = answer.read().decode()
        assert 'wingmark_published_sent_total{receiver="http://' in text and 'stage="publish"' in text, text
        assert run.stop() == 0
    return found


def datagrams(wingmark):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(60)
        place = f"udp://127.0.0.1:{listener.getsockname()[1]}"
        run = [wingmark, "run", "--source", PORTRAIT, "--screen", "none", "--publish", place]
        subprocess.run(run, check=True, capture_output=True)
        return json.loads(listener.recv(65536))


def check_datagram(face):
    """A face's object has the schema's keys of a face, but for points in whole pixels and no covariances."""
    known = SCHEMA["properties"]["faces"]["items"]["properties"]
    for key in ("pose", "eyes", "mouth", "id", "confidence"):
        jsonschema.validate(face[key], {**known[key], "$defs": SCHEMA.get("$defs", {})})
    assert len(face["points"]) == 2 * 68 and all(isinstance(value, int) for value in face["points"])


def check_examples(objects):
    seen = next(seen for seen in objects if seen["faces"])
    face = seen["faces"][0]
    points = ros2_bridge.landmarks(seen, face)
    assert len(points) == 70 and all(0 <= value <= 1 for point in points for value in point)
    x = (face["points"][30][0] + 0.5) / seen["width"]
    assert abs(points[30][0] - x) < 1e-9 and points[36][0] < points[68][0] < points[39][0] < points[69][0] < points[45][0]

    def frame(at, perclos, *events):
        faces = [{"id": 1, "eyes": {"perclos": perclos}}]
        return json.dumps({"captured_s": at, "faces": faces, "events": [dict(event=e, face=1, at_s=at) for e in events]})

    told = [frame(1, None, "blink"), frame(2, 0.1, "eyes_closed"), frame(3, 0.2), frame(4, 0.3), frame(5, 0.1), frame(6, 0.4, "yawn")]
    alarms = [(at, what) for at, _, what in drowsiness.alarms(told)]
    assert [at for at, _ in alarms] == [2, 3, 6, 6], alarms


def main():
    wingmark = Path(sys.argv[1] if len(sys.argv) > 1 else REPOSITORY / "target/debug/wingmark").resolve()
    objects, stream = lines(wingmark), events(wingmark)
    assert len(objects) == 60 and any(seen["faces"] for seen in objects)
    check_schema(objects, "standard output")
    check_schema(stream, "/events")
    check_datagram(datagrams(wingmark))
    check_examples(objects)
    print(f"{len(objects)} lines and {len(stream)} events are as the schema has them; so are datagrams and examples")


main()
