#!/usr/bin/env python3
"""A drowsiness alarm: wingmark run --record - | python3 examples/drowsiness.py

Says so when eyes stay closed, when they were closed for much of the last minute, and at yawns; and
when no frames come any more. Ends with exit code 1 where the run ends.
"""
import json
import signal
import sys

MOST_PERCLOS = 0.15  # of the last minute; more is drowsy (Wierwille and others, 1994)
SILENCE_S = 5


def alarms(lines):
    """Gives (seconds, face, what) for each line of JSON that is a reason to wake somebody."""
    drowsy = set()
    for line in lines:
        if not line.endswith("\n"):  # A run that was stopped may leave half a line.
            continue
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


def watched(lines):
    """The lines, and a word where none comes for a while and where they end."""
    signal.signal(signal.SIGALRM, lambda *_: print("\aNOT WATCHING: no frames come", flush=True))
    signal.alarm(SILENCE_S)
    for line in lines:
        signal.alarm(SILENCE_S)
        yield line
    signal.alarm(0)
    print("\aNOT WATCHING: the run is over", flush=True)


if __name__ == "__main__":
    try:
        for seconds, face, what in alarms(watched(sys.stdin)):
            print(f"\a{seconds:8.1f} s  face {face}: {what}", flush=True)
    except (ValueError, KeyError, TypeError) as error:
        print(f"\aNOT WATCHING: this is no line of wingmark run --record -: {error!r}", flush=True)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(1)
