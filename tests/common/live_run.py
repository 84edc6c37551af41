"""A run of wingmark that lasts: its camera is a pipe that gets one picture again and again."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PORTRAIT = REPOSITORY / "assets/eileen-collins.jpg"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class LiveRun:
    """`wingmark run` on a live source of ten frames a second; `still()` holds the frames back."""

    def __init__(self, wingmark, *arguments, environment=None):
        command = [wingmark, "run", "--source", "-", "--live", "--screen", "none", *arguments]
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=False,
                env={**os.environ, "RUST_LOG": "info", **(environment or {})},
            )
        except OSError as error:
            sys.exit(f"cannot start {wingmark}: {error.strerror}; `cargo build` makes it")
        self.lines, self.goes_on = [], True
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        threading.Thread(target=self._feed, daemon=True).start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.decode(errors="replace").rstrip())

    def _feed(self):
        picture = PORTRAIT.read_bytes()
        try:
            while True:
                if self.goes_on:
                    self.process.stdin.write(picture)
                    self.process.stdin.flush()
                time.sleep(0.1)
        except (BrokenPipeError, ValueError):
            pass

    def still(self, is_still=True):
        self.goes_on = not is_still

    def said(self, words, seconds=120):
        """Waits until a line of the log has these words; gives it. Ends where the run does."""

        def found():
            has_ended = self.process.poll() is not None
            if has_ended:
                self.reader.join()
            line = next((line for line in self.lines if words in line), None)
            if has_ended and not line:
                problem = next((line for line in self.lines if "error" in line.lower()), "without a word")
                sys.exit(f"wingmark ended before it said {words!r}: {problem}")
            return line

        return wait(found, f"{words!r} in {self.lines}", seconds)

    def stop(self):
        """As a service manager does; gives the exit code."""
        self.process.terminate()
        return self.process.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def wait(found, what, seconds=120):
    """Until `found()` is true; gives what it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = found()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"never came: {what}")
