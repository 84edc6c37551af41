#!/usr/bin/env python3
"""Says when somebody in front of the camera falls asleep, wherever the broker can be reached. Needs
paho-mqtt.

    wingmark run --publish mqtt://broker.local/car
    python3 drowsiness_mqtt.py mqtt://broker.local/car
"""

import json
import os
import sys
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt

MOST_PERCLOS = 0.15  # Above it people drive as if they were drunk (Wierwille 1994).
PASSWORD = os.environ.get("WINGMARK_MQTT_PASSWORD")
place = urlsplit(sys.argv[1])
prefix = unquote(place.path).strip("/") or "wingmark"
is_drowsy = False


def hear(_client, _data, message):
    global is_drowsy
    said = json.loads(message.payload or "null")
    if said is None:  # What was retained is forgotten.
        return
    if message.topic == f"{prefix}/events" and said["event"] in ("eyes_closed", "yawn"):
        print(f"\aface {said['face']}: {said['event']}", flush=True)
    elif message.topic == f"{prefix}/state":
        was_drowsy, is_drowsy = is_drowsy, (said["perclos"] or 0) > MOST_PERCLOS
        if is_drowsy and not was_drowsy:
            print(f"\aface {said['face']}: eyes closed {said['perclos']:.0%} of the last minute", flush=True)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
if place.username:
    client.username_pw_set(unquote(place.username), unquote(place.password or "") or PASSWORD)
if place.scheme == "mqtts":
    client.tls_set()
client.on_connect = lambda client, *_: client.subscribe([(f"{prefix}/events", 0), (f"{prefix}/state", 0)])
client.on_message = hear
client.connect(place.hostname, place.port or (8883 if place.scheme == "mqtts" else 1883))
client.loop_forever(retry_first_connection=True)
