#!/usr/bin/env python3
"""Publishes to a real mosquitto, which is stopped, started and refuses, and asserts what Home
Assistant makes of it.

    pip install -r tests/mqtt/requirements.txt           # mosquitto from the distribution
    cargo build && python tests/mqtt/check.py            # target/debug/wingmark, or the program that is named

A program with the feature `tls` is tried by TLS alone. A second client (paho) listens; jinja2
renders the templates of the discovery message as Home Assistant does. Without mosquitto it says so
and is done.
"""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))
import schemas
from live_run import REPOSITORY, LiveRun, free_port, wait

# Who may read all and write nothing, and who may do neither.
READER, NOBODY = "reader", "nobody"
USER, PASSWORD, PREFIX = "board", "p@ss:word/%41", "car/dash"
DEVICE = "homeassistant/device/wingmark_car_dash/config"


def certificates(folder):
    """An authority, and a certificate and a key of its for 127.0.0.1."""
    authority, certificate = folder / "authority.pem", folder / "broker.pem"
    made = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2"]
    run = lambda *command: subprocess.run(command, check=True, capture_output=True)
    run(*made, "-subj", "/CN=authority", "-keyout", folder / "authority.key", "-out", authority)
    run(*made, "-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE",
        "-CA", authority, "-CAkey", folder / "authority.key", "-keyout", folder / "broker.key", "-out", certificate)
    (folder / "broker.key").chmod(0o644)
    return authority, certificate, folder / "broker.key"


class Broker:
    """A mosquitto that lets in who has the password."""

    def __init__(self, folder):
        self.folder, self.port, self.tls_port, self.process = Path(folder), free_port(), free_port(), None
        passwords = self.folder / "passwords"
        for i, user in enumerate((USER, READER, NOBODY)):
            subprocess.run(["mosquitto_passwd", "-b", *["-c"][i:], passwords, user, PASSWORD], check=True)
        passwords.chmod(0o644)
        rights = self.folder / "rights"
        rights.write_text(f"user {USER}\ntopic readwrite #\nuser {READER}\ntopic read #\n")
        rights.chmod(0o644)
        self.authority, certificate, key = certificates(self.folder)
        (self.folder / "conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nacl_file {rights}\n"
            f"listener {self.tls_port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\n"
        )

    def start(self):
        log = (self.folder / "log").open("a")
        self.process = subprocess.Popen(["mosquitto", "-c", self.folder / "conf"], stdout=log, stderr=log)

        def answers():
            with socket.socket() as client:
                return client.connect_ex(("127.0.0.1", self.port)) == 0

        wait(answers, "mosquitto")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def url(self, user=USER):
        return f"mqtt://{user}@127.0.0.1:{self.port}/{PREFIX}"

    def tls_url(self, host="127.0.0.1"):
        return f"mqtts://{USER}@{host}:{self.tls_port}/{PREFIX}"


class Listener:
    """What a second client knows: the last message of each topic, and what came, in order."""

    def __init__(self, broker):
        import paho.mqtt.client as paho

        self.last, self.retained, self.counts, self.all = {}, {}, {}, []
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.username_pw_set(USER, PASSWORD)
        self.client.on_connect = lambda client, *_: client.subscribe("#")
        self.client.on_message = lambda _client, _data, message: self.take(message)
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()

    def take(self, message):
        self.last[message.topic] = message.payload
        self.retained[message.topic] = message.retain
        self.counts[message.topic] = self.counts.get(message.topic, 0) + 1
        self.all.append((message.topic, message.payload))

    def tell(self, name, message):
        self.client.publish(f"{PREFIX}/{name}", json.dumps(message))

    def json(self, name):
        return json.loads(self.last.get(f"{PREFIX}/{name}") or "null")

    def available(self, word):
        wait(lambda: self.last.get(f"{PREFIX}/available") == word.encode(), f"available {word}: {self.last}")

    def close(self):
        self.client.loop_stop()
        self.client.disconnect()


def home_assistant(config, state):
    """The states of the device's entities, as Home Assistant's templates give them from a state."""
    import jinja2

    environment = jinja2.Environment()
    environment.filters["to_json"] = json.dumps
    render = lambda component: environment.from_string(component["val_tpl"]).render(value_json=state)
    return {key: render(component) for key, component in config["cmps"].items() if component["p"] != "event"}


def check_discovery(listener):
    config = json.loads(wait(lambda: listener.last.get(DEVICE), "the discovery message"))
    # What Home Assistant needs of a device and of each of its components.
    assert config["dev"]["ids"] == ["wingmark_car_dash"] and config["o"]["name"] == "wingmark"
    assert config["avty_t"] == f"{PREFIX}/available"
    identifiers = [component["uniq_id"] for component in config["cmps"].values()]
    assert len(set(identifiers)) == len(identifiers) == 15
    for component in config["cmps"].values():
        assert component["p"] in ("sensor", "binary_sensor", "event") and component["name"] and component["val_tpl"]
        assert component["stat_t"] in (f"{PREFIX}/state", f"{PREFIX}/events")
    # Home Assistant makes an entity's id of both names; the card is for another prefix.
    entity = lambda component: re.sub(r"\W+", "_", f"{config['dev']['name']} {component['name']}".lower())
    entities = {f"{component['p']}.{entity(component)}" for component in config["cmps"].values()}
    card = (REPOSITORY / "examples/home_assistant_card.yaml").read_text().replace("wingmark_desk", "wingmark_car_dash")
    named = set(re.findall(r"\w+\.wingmark_car_dash_\w+", card))
    assert named and named <= entities, named - entities
    return config


def check_end(listener):
    """A run that has ended keeps nobody on the broker."""
    wait(lambda: listener.all[-1] == (f"{PREFIX}/available", b"offline"), f"offline as the last word: {listener.last}")
    kept = dict(listener.all)
    state = json.loads(kept[f"{PREFIX}/state"])
    schemas.check(state, "mqtt_state")
    assert state["faces"] == 0 and state["yaw"] is state["eyes_closed"] is state["sequence"] is None, state
    assert json.loads(kept[f"{PREFIX}/faces"]) == []


def check_run(wingmark, broker, secret):
    """State, rate, availability, discovery; frames that stop; a broker that stops; the end."""
    listener = Listener(broker)
    with LiveRun(wingmark, "--publish", broker.url(), "--publish-password-file", secret, "--publish-rate", "2") as run:
        listener.available("online")
        config = check_discovery(listener)
        state = wait(lambda: (s := listener.json("state")) and s["faces"] == 1 and s["yaw"] is not None and s, "a face")
        shown = home_assistant(config, state)
        assert shown["faces"] == "1" and abs(float(shown["yaw"])) < 30 and shown["trouble"] == "OFF", shown
        assert 0 < float(shown["right_eye"]) <= 100 and shown["eyes_closed"] == "OFF", shown
        assert 200 < float(shown["distance_mm"]) < 5000, shown
        faces = listener.json("faces")
        assert len(faces) == 1 and {"id", "box", "pose", "eyes", "mouth"} <= set(faces[0]), faces
        print("a state, and what Home Assistant shows of it:", shown)

        about = listener.json("about")
        for kind, message in (("state", state), ("faces", faces), ("about", about)):
            schemas.check(message, f"mqtt_{kind}")
        assert about["model"] and len(about["model_sha256"]) == len(about["model_digest"]) == 64 and about["source"] == "-", about

        count = listener.counts[f"{PREFIX}/state"]
        time.sleep(5)
        count = listener.counts[f"{PREFIX}/state"] - count
        assert 1 <= count <= 11, f"{count} states in five seconds at two a second"

        # Home Assistant starts: it is told again.
        told = listener.counts[DEVICE]
        listener.client.publish("homeassistant/status", "online")
        wait(lambda: listener.counts[DEVICE] > told, "the discovery message again")

        # No frames: nobody is there, and it is said; the client stays.
        run.still()
        wait(lambda: listener.json("state")["faces"] == 0, "a state without faces")
        schemas.check(listener.json("state"), "mqtt_state")
        shown = home_assistant(config, listener.json("state"))
        assert shown["yaw"] == shown["right_eye"] == shown["eyes_closed"] == "None", shown
        time.sleep(35)
        assert listener.last[f"{PREFIX}/available"] == b"online", "the broker lost a client without frames"
        wait(lambda: home_assistant(config, listener.json("state"))["trouble"] == "ON", "the camera's trouble")
        run.still(False)
        wait(lambda: listener.json("state")["faces"] == 1, "the face again")

        # Whoever comes later finds all but events retained.
        late = Listener(broker)
        for topic in (DEVICE, f"{PREFIX}/available", f"{PREFIX}/state", f"{PREFIX}/faces"):
            wait(lambda: topic in late.last, topic)
        late.close()
        listener.close()

        # The broker goes and comes: frames go on meanwhile, and it is told everything anew.
        broker.stop()
        run.said("cannot publish to mqtt://board@127.0.0.1")
        time.sleep(3)
        broker.start()
        listener = Listener(broker)
        listener.available("online")
        check_discovery(listener)
        run.said("published to again")
        assert run.stop() == 0
        check_end(listener)
        assert not any("not come back" in line for line in run.lines), run.lines
        assert not any(PASSWORD in line for line in run.lines), run.lines
    print("frames that stop, a broker that goes and comes, the end: all is said")

    # A run that is killed: the broker says so.
    with LiveRun(wingmark, "--publish", broker.url(), "--publish-password-file", secret) as run:
        listener.available("online")
        wait(lambda: listener.json("state")["faces"] == 1, "a face")
        run.process.send_signal(signal.SIGKILL)
        listener.available("offline")
    print("killed: the last will says offline")
    check_start(wingmark, broker, secret, listener)
    listener.close()


def check_start(wingmark, broker, secret, listener):
    """Home Assistant takes what was said last for what is so, once a run is there: what an earlier
    run saw must not be that."""
    earlier = listener.json("state")
    assert earlier["faces"] == 1
    listener.all.clear()
    with LiveRun(wingmark, "--publish", broker.url(), "--publish-password-file", secret) as run:
        listener.available("online")
        wait(lambda: listener.json("state")["faces"] == 1, "a face")
        assert run.stop() == 0
    check_end(listener)
    before = dict(listener.all[: listener.all.index((f"{PREFIX}/available", b"online"))])
    schemas.check(json.loads(before[f"{PREFIX}/state"]), "mqtt_state")
    assert f"{PREFIX}/faces" in before, before
    times = [json.loads(payload)["wall_time"] for topic, payload in listener.all if topic == f"{PREFIX}/state"]
    assert [earlier["wall_time"], *times] == sorted({earlier["wall_time"], *times}), times
    print("a new run: what it sees is said before it is there, and that nobody is at its end")


def check_refusal(wingmark, broker):
    with LiveRun(wingmark, "--publish", broker.url(), environment={"WINGMARK_MQTT_PASSWORD": "wrong"}) as run:
        print(run.said("this user may not connect; a user or a password is missing or wrong"))
        assert run.stop() == 0
    # Who may connect and may not publish.
    with LiveRun(wingmark, "--publish", broker.url(READER), environment={"WINGMARK_MQTT_PASSWORD": PASSWORD}) as run:
        print(run.said("this user may not publish there"))
        time.sleep(7)
        assert sum("may not publish there" in line for line in run.lines) == 1, run.lines
        assert run.stop() == 0


def check_tls(wingmark, broker, secret):
    """By TLS: a broker that is trusted, that goes and comes; one of an unknown authority, of
    another name, without TLS."""
    password = ["--publish-password-file", secret]
    trusting = {"SSL_CERT_FILE": str(broker.authority)}
    listener = Listener(broker)
    with LiveRun(wingmark, "--publish", broker.tls_url(), *password, environment=trusting) as run:
        listener.available("online")
        wait(lambda: (s := listener.json("state")) and s["faces"] == 1, "a state by TLS")
        listener.client.publish("homeassistant/status", "online")
        wait(lambda: listener.counts[DEVICE] > 1, "the discovery message again, by TLS")
        listener.close()
        broker.stop()
        run.said("cannot publish to mqtts://board@127.0.0.1")
        broker.start()
        listener = Listener(broker)
        listener.available("online")
        assert run.stop() == 0
        listener.available("offline")
    print("by TLS: states, a broker that goes and comes, the end")
    wrong = {
        "an unknown authority": (broker.tls_url(), {}, "certificate is not trusted"),
        "another name": (broker.tls_url("localhost"), trusting, "not valid for"),
        "no TLS": (broker.url().replace("mqtt:", "mqtts:"), trusting, "does not shake hands by TLS"),
    }
    for what, (url, environment, words) in wrong.items():
        with LiveRun(wingmark, "--publish", url, *password, environment=environment) as run:
            print(f"{what}:", run.said(words))
            assert run.stop() == 0
    assert listener.last[f"{PREFIX}/available"] == b"offline"
    listener.close()


def check_no_tls(wingmark, broker):
    command = [wingmark, "run", "--source", "-", "--publish", broker.tls_url()]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and "has no TLS" in done.stderr, done


def check_wrong_brokers(wingmark):
    """One that never answers, one that is none, one that hangs up, one that greets and hangs up at
    what a user may not do: frames go on, and each is said at once."""
    greeting, other = b"\x20\x02\0\0", b"HTTP/1.1 400 Bad Request\r\n\r\n"
    answers = {b"": "does not answer", other: "no MQTT broker", None: "ended the connection", greeting: "may not publish or read"}
    for answer, words in answers.items():
        with socket.create_server(("127.0.0.1", 0)) as server:
            kept = []

            def serve(answer=answer, kept=kept, server=server):
                while True:
                    try:
                        client, _ = server.accept()
                    except OSError:
                        return
                    client.recv(4096)
                    client.sendall(answer or b"")
                    if answer in (None, greeting):
                        client.close()
                    else:
                        kept.append(client)

            threading.Thread(target=serve, daemon=True).start()
            url = f"mqtt://127.0.0.1:{server.getsockname()[1]}/x"
            with LiveRun(wingmark, "--publish", url) as run:
                print(run.said(words, 30))
                assert run.stop() == 0


def check_forget(wingmark, broker, secret):
    def forget(user=USER):
        command = [wingmark, "publish", "--forget", broker.url(user), "--publish-password-file", secret]
        return subprocess.run(command, capture_output=True, text=True)

    # A run that goes on is left in peace, and says again what was removed.
    with LiveRun(wingmark, "--publish", broker.url(), "--publish-password-file", secret) as run:
        listener = Listener(broker)
        listener.available("online")
        done = forget()
        print(done.stderr.strip())
        assert done.returncode == 1 and "a run still publishes there" in done.stderr, done
        assert f"{PREFIX}/available" in done.stderr and not done.stdout, done
        listener.available("online")
        wait(lambda: listener.last.get(DEVICE), "the discovery message again")
        assert not any("cannot publish" in line for line in run.lines), run.lines
        listener.close()
        assert run.stop() == 0
    untold = "either this user may not publish there, or not read there"
    for user, words in ((READER, "this user may not write there"), (NOBODY, untold)):
        done = forget(user)
        print(done.stderr.strip())
        assert done.returncode == 1 and words in done.stderr and f"{PREFIX}/state" in done.stderr, done
        assert done.stderr.count("[ERROR]") == 1 and not done.stdout, done
    late = Listener(broker)
    wait(lambda: late.last.get(f"{PREFIX}/state"), "the state that is kept")
    late.close()

    done = forget()
    assert done.returncode == 0, done
    print(done.stdout.strip())
    late = Listener(broker)
    time.sleep(1)
    assert not late.last, late.last
    late.close()
    # Who may write nothing hears nothing where nothing is kept.
    done = forget(READER)
    assert done.returncode == 1 and untold in done.stderr, done
    done = forget("somebody")
    assert done.returncode == 1 and done.stderr.count("[ERROR]") == 1 and "refuses" in done.stderr, done


class Alarm:
    """The example of a drowsiness alarm, and what it says."""

    PROGRAM = [sys.executable, "-u", REPOSITORY / "examples/drowsiness_mqtt.py"]

    def __init__(self, url):
        self.process = subprocess.Popen([*self.PROGRAM, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = []
        threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")), daemon=True).start()

    def has(self, words):
        return any(words in line for line in self.lines)

    def wait(self, tell, words):
        """Until it has said so; it is told again and again, since it may not listen yet."""
        def told():
            tell()
            time.sleep(0.2)
            return self.has(words)

        wait(told, f"{words} of the alarm: {self.lines}")

    def close(self):
        self.process.kill()
        self.process.wait()


def check_alarm(broker):
    """Told of closed eyes by what a run would send."""
    url = lambda password: f"mqtt://{USER}:{password}@127.0.0.1:{broker.port}/{PREFIX}"
    for arguments, words in (([], "usage: "), (["here"], "usage: "), ([url("wrong")], "the broker refuses: ")):
        done = subprocess.run([*Alarm.PROGRAM, *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and done.stderr.startswith(words) and done.stderr.count("\n") == 1, done

    broker.stop()
    alarm = Alarm(url("p%40ss%3Aword%2F%2541"))
    print("the example's alarm:", alarm.process.stderr.readline().strip())
    broker.start()
    listener = Listener(broker)

    def tell():
        for event in ("blink", "eyes_closed"):
            listener.tell("events", {"event": event, "face": 1, "at_s": 2, "lasted_s": 0.5})
        listener.tell("state", {"face": 1, "perclos": 0.4, "trouble": None})

    alarm.wait(tell, "40%")
    assert alarm.has("eyes_closed") and not alarm.has("blink"), alarm.lines
    assert sum("40%" in line for line in alarm.lines) == 1, alarm.lines
    # `wingmark publish --forget` empties what is retained; the alarm goes on.
    listener.client.publish(f"{PREFIX}/state", b"")
    yawn = lambda: listener.tell("events", {"event": "yawn", "face": 2, "at_s": 9, "lasted_s": 2})
    alarm.wait(yawn, "yawn")
    alarm.wait(lambda: listener.tell("state", {"face": None, "perclos": None, "trouble": "no camera"}), "no camera")
    alarm.wait(lambda: listener.client.publish(f"{PREFIX}/available", b"offline"), "the board is offline")
    assert sum("NOT WATCHING" in line for line in alarm.lines) == 2, alarm.lines
    print("the example's alarm:", *[line.strip() for line in alarm.lines[:2]])
    alarm.close()

    # A run is over that left somebody asleep.
    listener.client.publish(f"{PREFIX}/state", json.dumps({"face": 1, "perclos": 0.9, "trouble": None}), retain=True)
    alarm = Alarm(url("p%40ss%3Aword%2F%2541"))
    alarm.wait(yawn, "yawn")
    assert not alarm.has("90%"), alarm.lines
    alarm.close()
    listener.client.publish(f"{PREFIX}/state", b"", retain=True)
    listener.close()


def main():
    if not shutil.which("mosquitto"):
        print("tests/mqtt: skipped, there is no mosquitto; apt-get install mosquitto")
        return
    wingmark = Path(sys.argv[1] if len(sys.argv) > 1 else REPOSITORY / "target/debug/wingmark").resolve()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        secret = Path(folder) / "password"
        secret.write_text(PASSWORD + "\n")
        broker = Broker(folder)
        broker.start()
        try:
            check_alarm(broker)
            if "tls" in subprocess.run([wingmark, "--version"], capture_output=True, text=True).stdout:
                check_tls(wingmark, broker, secret)
                return
            check_no_tls(wingmark, broker)
            check_run(wingmark, broker, secret)
            check_refusal(wingmark, broker)
            check_forget(wingmark, broker, secret)
        finally:
            broker.stop()
        check_wrong_brokers(wingmark)


main()
