#!/usr/bin/env python3
"""A drowsiness alarm: wingmark run --record - | python3 examples/drowsiness.py

Says so when eyes stay closed, when they were closed for much of the last minute, and at yawns.
"""
import json
import sys

MOST_PERCLOS = 0.15  # of the last minute; more is drowsy (Wierwille and others, 1994)


def alarms(lines):
    """Gives (seconds, face, what) for each line of JSON that is a reason to wake somebody."""
    drowsy = set()
    for line in lines:
        if not line.endswith("\n"):  # A run that was stopped may leave half a line.
            return
        seen = json.loads(line)
        for event in seen["events"]:
            if event["event"] in ("eyes_closed", "yawn"):
                yield event["at_s"], event["face"], event["event"]
        for face in seen["faces"]:
            perclos = face["eyes"]["perclos"]
            if perclos is not None and perclos > MOST_PERCLOS:
                if face["id"] not in drowsy:
                    drowsy.add(face["id"])
                    yield seen["captured_s"], face["id"], f"eyes closed {perclos:.0%} of the last minute"
            else:
                drowsy.discard(face["id"])


if __name__ == "__main__":
    for seconds, face, what in alarms(sys.stdin):
        print(f"\a{seconds:8.1f} s  face {face}: {what}", flush=True)
