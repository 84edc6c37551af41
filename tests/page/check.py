#!/usr/bin/env python3
"""The page in a real browser, without a window: what its canvas shows at the points that `/events`
gives.

    apt-get install chromium
    cargo build && python tests/page/check.py             # target/debug/wingmark, or the program that is named
    python tests/page/check.py PROGRAM DIR                # leaves pictures of the page in DIR, 1100 and 400 px wide

Speaks with Chromium through two pipes (the DevTools protocol), so that Python needs nothing but its
own library. Without Chromium it says so and is done.
"""

import base64
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))
from live_run import REPOSITORY, LiveRun, free_port, wait

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Browser:
    """A headless Chromium with one page."""

    def __init__(self, profile):
        ours_in, its_out = os.pipe()
        its_in, ours_out = os.pipe()

        def connect():
            # DevTools reads from 3 and writes to 4; neither may be one of ours before it is copied.
            reads, writes = os.dup(its_in), os.dup(its_out)
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        self.process = subprocess.Popen(
            [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
             f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=connect, close_fds=False, stderr=subprocess.DEVNULL,
        )
        os.close(its_in)
        os.close(its_out)
        self.reader, self.writer = os.fdopen(ours_in, "rb"), os.fdopen(ours_out, "wb")
        self.number, self.session, self.messages, self.buffer = 0, None, [], b""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.writer.write(json.dumps(message).encode() + b"\0")
        self.writer.flush()
        while True:
            while b"\0" not in self.buffer:
                part = self.reader.read1(1 << 20)
                assert part, "Chromium is gone"
                self.buffer += part
            text, self.buffer = self.buffer.split(b"\0", 1)
            answer = json.loads(text)
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self.messages.append(answer)

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def resize(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def picture(self, path):
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def faults(self):
        """Errors of the page's script, and what it asked of any other host."""
        self.evaluate("1")
        found = [m for m in self.messages if m.get("method") in ("Runtime.exceptionThrown",)]
        found += [m for m in self.messages if m.get("method") == "Log.entryAdded" and m["params"]["entry"]["level"] == "error"]
        asked = [m["params"]["request"]["url"] for m in self.messages if m.get("method") == "Network.requestWillBeSent"]
        return found, asked

    def close(self):
        self.process.kill()
        self.process.wait()


# Of what the canvas shows: whether each of the last frame's points has a dot's colour at its place,
# and whether places away from the face are empty.
LOOK = """(() => {
  const canvas = document.getElementById("canvas"), pen = canvas.getContext("2d");
  drawFaces();
  const scale = canvas.width / seen.width, face = seen.faces[0];
  const pixel = (x, y) => [...pen.getImageData(Math.round((x + 0.5) * scale - 0.5), Math.round((y + 0.5) * scale - 0.5), 1, 1).data];
  const is_dot = p => p[3] > 200 && p[0] + p[1] > 250 && p[2] < 200;
  return { dots: face.points.filter(p => is_dot(pixel(...p))).length,
           empty: [[2, 2], [seen.width - 3, 2], [2, seen.height - 3]].every(p => pixel(...p)[3] === 0),
           ratio: canvas.clientWidth / canvas.clientHeight / (seen.width / seen.height),
           wide: document.documentElement.scrollWidth <= window.innerWidth };
})()"""


def check_page(browser, address, folder, pictures):
    browser.resize(1100, 900)
    browser.call("Page.navigate", url=address)
    wait(lambda: browser.evaluate("typeof seen === 'object' && seen && seen.faces.length > 0 && history.length > 30"), "a face")
    wait(lambda: browser.evaluate("document.getElementById('state').textContent") == "running", "the state")
    for width in (1100, 400):
        browser.resize(width, 900)
        look = wait(lambda: (l := browser.evaluate(LOOK)) and abs(l["ratio"] - 1) < 0.02 and l, "the canvas's shape")
        assert look["dots"] >= 60, look
        assert look["empty"] and look["wide"], look
        path = (pictures or folder) / f"page-{width}.png"
        browser.picture(path)
        print(f"{width} px wide: {look['dots']} of 68 dots where the points are; {path.stat().st_size} bytes of picture")
    words = browser.evaluate("document.body.innerText")
    for word in ("yaw", "right", "Events", "detect", "frames/s"):
        assert word in words, words
    faults, asked = browser.faults()
    # Before the first frame nothing is healthy.
    faults = [fault for fault in faults if "503" not in str(fault)]
    assert not faults, faults
    assert all(url.startswith((address, "data:", "about:")) for url in asked), asked


def check_silence(run, browser):
    """A program that stands still and keeps its connections; pictures that end; another version."""
    run.process.send_signal(signal.SIGSTOP)
    wait(lambda: browser.evaluate("find('state').textContent.startsWith('no word for ')"), "a word of silence")
    figures = browser.evaluate("[find('view').className, find('fps').textContent, find('spoken').textContent]")
    assert figures == ["old", "–", "no word"], figures
    wait(lambda: browser.evaluate("seconds() - openedAt < 5 && seconds() - heardAt > 5"), "another try")
    run.process.send_signal(signal.SIGCONT)
    wait(lambda: browser.evaluate("find('state').textContent === 'running' && find('fps').textContent !== '–'"), "a word again")
    browser.evaluate("find('video').width = 1; video && video.control.abort()")
    wait(lambda: browser.evaluate("find('video').width > 1"), "pictures that are asked for again")
    browser.evaluate("version = 'another'; seen.is_old = true")
    wait(lambda: browser.evaluate("typeof seen === 'object' && seen && !seen.is_old && version !== 'another'"), "another page")
    print("silence is said, pictures that end are asked for again, another version's page is loaded")


class Proxy(http.server.BaseHTTPRequestHandler):
    """Shows a page at a path of its own."""

    def do_GET(self):
        headers = {name: self.headers[name] for name in ("Authorization",) if name in self.headers}
        try:
            answer = urllib.request.urlopen(urllib.request.Request(f"{self.server.page}/{self.path[6:]}", headers=headers), timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        self.send_response(answer.status)
        for name in ("Content-Type", "WWW-Authenticate"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.end_headers()
        try:
            while part := answer.read1(1 << 16):
                self.wfile.write(part)
        except OSError:
            pass

    def log_message(self, *_):
        pass


def check_places(wingmark, browser, folder):
    """Opened with the token in its address, at a path of a proxy; and without a place for one more
    viewer."""
    with LiveRun(wingmark, "--serve", str(free_port()), "--serve-video", "--token-file", folder / "token") as run:
        page = run.said("the page is at ").split()[-1]
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
            proxy.page, proxy.daemon_threads = page, True
            threading.Thread(target=proxy.serve_forever, daemon=True).start()
            browser.call("Page.navigate", url=f"http://me:correct%20horse@127.0.0.1:{proxy.server_port}/desk")
            wait(lambda: browser.evaluate("typeof find === 'function' && find('state').textContent === 'running'"), "the state")
            wait(lambda: browser.evaluate("seen && find('video').width > 300"), "frames and pictures")
            browser.call("Page.navigate", url="about:blank")
            proxy.shutdown()
        request = urllib.request.Request(page + "/events", headers={"Authorization": "Bearer correct horse"})
        viewers = []

        def are_all_there():
            try:
                viewers.append(urllib.request.urlopen(request, timeout=60))
            except urllib.error.HTTPError:  # The one before is still to leave.
                pass
            return len(viewers) == 24

        wait(are_all_there, "24 viewers")
        browser.call("Page.navigate", url=page.replace("//", "//me:correct%20horse@"))
        wait(lambda: browser.evaluate("typeof find === 'function' && find('state').textContent.startsWith('24 viewers')"), "a refusal")
        assert run.stop() == 0
    print("the page works at a path of a proxy, with the token in its address, and says why it is refused")


class Starting(http.server.BaseHTTPRequestHandler):
    """A proxy whose program is not there yet."""

    def do_GET(self):
        self.send_error(502)

    def log_message(self, *_):
        pass


def check_return(wingmark, browser, address):
    """The program ends; a proxy refuses in its place for a while; the program comes back."""
    wait(lambda: browser.evaluate("find('state').className === 'ill' && find('view').className === 'old'"), "a page without a program")
    browser.evaluate("find('video').width = 1; seen = null")
    port = int(address.rsplit(":", 1)[1])
    http.server.HTTPServer.allow_reuse_address = True
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Starting) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        wait(lambda: browser.evaluate("source.readyState === EventSource.CLOSED"), "a stream that is refused")
        proxy.shutdown()
    with LiveRun(wingmark, "--serve", str(port), "--serve-video") as run:
        wait(lambda: browser.evaluate("seen && seen.faces.length > 0 && find('view').className === ''"), "the landmarks again")
        wait(lambda: browser.evaluate("find('video').width > 1"), "the pictures again")
        assert run.stop() == 0
    print("a program that comes back is shown again, with its own pictures")


def get(address, token=None):
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        return urllib.request.urlopen(request, timeout=20).status
    except urllib.error.HTTPError as error:
        return error.code


def check_token(wingmark, folder):
    token = folder / "token"
    token.write_text("correct horse\n")
    with LiveRun(wingmark, "--serve", f"127.0.0.1:{free_port()}", "--token-file", token) as run:
        address = run.said("the page is at ").split()[-1]
        assert get(address) == get(address, "wrong horse") == 401 and get(address, "correct horse") == 200
        wait(lambda: get(address + "/healthz", "correct horse") == 200, "health")
        assert get(address + "/video", "correct horse") == 404
        assert run.stop() == 0
    done = subprocess.run([wingmark, "run", "--serve", "0.0.0.0:8080"], capture_output=True, text=True)
    assert done.returncode == 2 and "--token-file" in done.stderr, done
    print("nothing without the token")


def main():
    wingmark = Path(sys.argv[1] if len(sys.argv) > 1 else REPOSITORY / "target/debug/wingmark").resolve()
    pictures = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        check_token(wingmark, folder)
        if not CHROMIUM:
            print("tests/page: the browser's part is skipped, there is no Chromium; apt-get install chromium")
            return
        browser = Browser(folder / "profile")
        try:
            with LiveRun(wingmark, "--serve", str(free_port()), "--serve-video") as run:
                address = run.said("the page is at ").split()[-1]
                check_page(browser, address, folder, pictures)
                check_silence(run, browser)
                assert run.stop() == 0
            check_return(wingmark, browser, address)
            check_places(wingmark, browser, folder)
        finally:
            browser.close()


main()
