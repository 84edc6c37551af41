#!/usr/bin/env python3
"""Says when somebody in front of the camera falls asleep, wherever the broker can be reached; and
when nobody watches. Needs paho-mqtt 2 (`pip install 'paho-mqtt>=2'`; Debian 12 has 1.6).

    wingmark run --publish mqtt://broker.local/car
    python3 drowsiness_mqtt.py mqtt://broker.local/car
"""

import json
import os
import re
import sys
from urllib.parse import unquote, urlsplit

try:
    import paho.mqtt.client as mqtt

    VERSION = mqtt.CallbackAPIVersion.VERSION2
except (ImportError, AttributeError):
    sys.exit("paho-mqtt 2 is missing: pip install 'paho-mqtt>=2'")

MOST_PERCLOS = 0.15  # of the last minute; more is drowsy (Wierwille and others, 1994)
PASSWORD = os.environ.get("WINGMARK_MQTT_PASSWORD")
try:
    place = urlsplit(sys.argv[1] if len(sys.argv) == 2 else "")
    port = place.port or {"mqtt": 1883, "mqtts": 8883}[place.scheme]
    if not place.hostname:
        raise ValueError("no host")
except (KeyError, ValueError):
    sys.exit("usage: drowsiness_mqtt.py mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT][/PREFIX]")
prefix = unquote(place.path).strip("/") or "wingmark"
is_drowsy = False
trouble = None


def begin(client, _data, _flags, answer, _properties):
    if answer.is_failure:
        sys.exit(f"the broker refuses: {answer}")
    client.subscribe([(f"{prefix}/{topic}", 0) for topic in ("available", "events", "state")])


def watches(reason):
    """Says why nobody watches any more, once, though its seconds go on; None: somebody does."""
    global trouble
    kind = reason and re.sub(r"\d+", "", reason)
    if reason and kind != trouble:
        print(f"\aNOT WATCHING: {reason}", flush=True)
    trouble = kind


def hear(_client, _data, message):
    global is_drowsy
    if message.topic == f"{prefix}/available":
        return watches(None if message.payload == b"online" else "the board is offline")
    if message.retain or not message.payload:  # Of a run that may be over; or it was removed.
        return
    said = json.loads(message.payload)
    if message.topic == f"{prefix}/events" and said["event"] in ("eyes_closed", "yawn"):
        print(f"\aface {said['face']}: {said['event']}", flush=True)
    elif message.topic == f"{prefix}/state":
        watches(said["trouble"])
        was_drowsy, is_drowsy = is_drowsy, (said["perclos"] or 0) > MOST_PERCLOS
        if is_drowsy and not was_drowsy:
            print(f"\aface {said['face']}: eyes closed {said['perclos']:.0%} of the last minute", flush=True)


client = mqtt.Client(VERSION)
if place.username:
    client.username_pw_set(unquote(place.username), unquote(place.password or "") or PASSWORD)
if place.scheme == "mqtts":
    client.tls_set()
client.on_connect, client.on_message = begin, hear
client.on_disconnect = lambda *_: watches("the broker is gone")
client.on_connect_fail = lambda *_: print(f"no broker answers at {place.hostname}; trying again", file=sys.stderr)
client.connect_async(place.hostname, port)
try:
    client.loop_forever(retry_first_connection=True)
except KeyboardInterrupt:
    sys.exit(130)
