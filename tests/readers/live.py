#!/usr/bin/env python3
"""Live output as other programs read it: against the JSON Schema, and the examples' numbers.

    pip install -r tests/readers/requirements.txt
    cargo build && python tests/readers/live.py          # target/debug/wingmark, or the program that is named
"""

import json
import socket
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path += [str(REPOSITORY / "tests/common"), str(REPOSITORY / "examples")]
import drowsiness
import listen
import ros2_bridge
import schemas
from live_run import PORTRAIT, LiveRun, free_port

def lines(wingmark):
    run = [wingmark, "run", "--source", "clip", "--screen", "none", "--frames", "60", "--record", "-"]
    output = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def events(wingmark):
    """Some objects of the page's stream, which begins with the run's health."""
    with LiveRun(wingmark, "--serve", str(free_port())) as run:
        address = run.said("the page is at ").split()[-1]
        found, healths = [], 0
        with urllib.request.urlopen(address + "/events", timeout=60) as stream:
            while len(found) < 3:
                line = stream.readline()
                assert line, "the stream ended"
                if line.startswith(b"event: "):
                    assert line == b"event: health\n", line
                    schemas.check(json.loads(stream.readline()[6:]), "health")
                    healths += 1
                elif line.startswith(b"data: "):
                    assert healths, "objects before the run's health"
                    found.append(json.loads(line[6:]))
        with urllib.request.urlopen(address + "/metrics", timeout=60) as answer:
            text = answer.read().decode()
        with urllib.request.urlopen(address + "/healthz", timeout=60) as answer:
            schemas.check(json.loads(answer.read()), "health")
        assert 'wingmark_published_sent_total{receiver="http://' in text and 'stage="publish"' in text, text
        assert run.stop() == 0
    return found


def datagram(wingmark, source, protocol="udp"):
    """The first one of a run."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(60)
        place = f"{protocol}://127.0.0.1:{listener.getsockname()[1]}"
        run = [wingmark, "run", "--source", source, "--screen", "none", "--publish", place]
        subprocess.run(run, check=True, capture_output=True)
        return listener.recv(65536)


def check_datagrams(wingmark):
    """One of a face, and one that says that nobody is there."""
    face = json.loads(datagram(wingmark, PORTRAIT))
    schemas.check(face, "datagram")
    assert face["id"] == 1 and len(face["points"]) == 2 * 68, face
    with tempfile.NamedTemporaryFile(suffix=".y4m") as grey:
        grey.write(b"YUV4MPEG2 W320 H240 F10:1 C420\nFRAME\n" + bytes([128]) * (320 * 240 * 3 // 2))
        grey.flush()
        nobody = json.loads(datagram(wingmark, grey.name))
    schemas.check(nobody, "datagram")
    assert nobody["id"] is None and "points" not in nobody, nobody
    # OpenSeeFace's receivers look for face 0.
    avatar = listen.openseeface(datagram(wingmark, PORTRAIT, "openseeface"))
    assert avatar.startswith("face 0 of 512x") and avatar.endswith(" 68 points inside"), avatar


def check_examples(objects):
    seen = next(seen for seen in objects if seen["faces"])
    face = seen["faces"][0]
    points = ros2_bridge.landmarks(seen, face)
    assert len(points) == 70 and all(0 <= value <= 1 for point in points for value in point)
    x = (face["points"][30][0] + 0.5) / seen["width"]
    assert abs(points[30][0] - x) < 1e-9 and points[36][0] < points[68][0] < points[39][0] < points[69][0] < points[45][0]

    def frame(at, perclos, *events):
        faces = [{"id": 1, "eyes": {"perclos": perclos}}]
        seen = {"captured_s": at, "faces": faces, "events": [dict(event=e, face=1, at_s=at) for e in events]}
        return json.dumps(seen) + "\n"

    told = [frame(1, None, "blink"), frame(2, 0.1, "eyes_closed"), frame(3, 0.2), frame(4, 0.3), frame(5, 0.1), frame(6, 0.4, "yawn")]
    alarms = [(at, what) for at, _, what in drowsiness.alarms(told)]
    assert [at for at, _ in alarms] == [2, 3, 6, 6], alarms

    alarm = subprocess.Popen([sys.executable, REPOSITORY / "examples/drowsiness.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert "no frames come" in alarm.stdout.readline()
    said, _ = alarm.communicate(frame(1, None, "yawn") + told[1][:40], timeout=60)  # The last line is cut off.
    assert "yawn" in said and "the run is over" in said and alarm.returncode == 1, said
    alarm = subprocess.run([sys.executable, REPOSITORY / "examples/drowsiness.py"], input="no JSON\n", capture_output=True, text=True)
    assert "NOT WATCHING" in alarm.stdout and not alarm.stderr and alarm.returncode == 1, alarm


def main():
    wingmark = Path(sys.argv[1] if len(sys.argv) > 1 else REPOSITORY / "target/debug/wingmark").resolve()
    objects, stream = lines(wingmark), events(wingmark)
    assert len(objects) == 60 and any(seen["faces"] for seen in objects)
    for seen in objects + stream:
        schemas.check(seen)
    check_datagrams(wingmark)
    check_examples(objects)
    print(f"{len(objects)} lines and {len(stream)} events are as the schema has them; so are datagrams and examples")


main()
