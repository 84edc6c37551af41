"""What the tests of the board share: the cache folder, the programs under test, folders and disks
for machines."""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from PIL import Image

import logs
import pictures
from machine import Machine

HERE = pathlib.Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
TARGET = "aarch64-unknown-linux-gnu"
# What the program for boards has, and what the package's test has of it besides: its page.
FEATURES, PACKAGED = "program", "program,base,page"


class Lab:
    checkout = CHECKOUT

    def __init__(self, binary=None, reference=None):
        self.path = pathlib.Path(os.environ.get("WINGMARK_BOARD_LAB", pathlib.Path.home() / ".cache/wingmark-board"))
        subprocess.run([HERE / "prepare", self.path], check=True)
        # Of this run: others may go on beside it.
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="run.", dir=self.path))
        self._given = pathlib.Path(binary) if binary else None
        self._reference = reference
        self.portrait = Image.open(CHECKOUT / "assets/eileen-collins.jpg")

    @functools.cached_property
    def binary(self):
        return self._given or self._cross_build(FEATURES)

    def packages(self):
        """A Debian package for the board, and one that is an update of it."""
        folder = self.folder()
        subprocess.run(["cargo", "run", "--quiet", "--locked", "-p", "wingmark-pages", "--", folder / "pages"], cwd=CHECKOUT, check=True)
        binary = self._given or self._cross_build(PACKAGED)
        subprocess.run([CHECKOUT / "package/deb", "arm64", binary, folder / "pages", folder], check=True)
        first, = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "-R", first, folder / "tree"], check=True)
        control = folder / "tree/DEBIAN/control"
        control.write_text(re.sub(r"^(Version: .*)$", r"\1+1", control.read_text(), flags=re.MULTILINE))
        second = folder / "second.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", folder / "tree", second], check=True, stdout=subprocess.DEVNULL)
        return first, second

    def _cross_build(self, features):
        """wingmark for the board, as it ships."""
        cross_std = subprocess.run([HERE / "cross-std", TARGET], check=True, stdout=subprocess.PIPE, text=True)
        target_folder = self.path / "target"
        environment = {
            **os.environ,
            "PATH": f"{cross_std.stdout.strip()}:{os.environ['PATH']}",
            "CARGO_TARGET_DIR": str(target_folder),
        }
        command = ["cargo", "build", "--locked", "--profile", "board", "--no-default-features", "--features", features, "--target", TARGET, "--bin", "wingmark"]
        subprocess.run(command, cwd=CHECKOUT, env=environment, check=True)
        return target_folder / TARGET / "board/wingmark"

    @functools.cached_property
    def host_binary(self):
        """wingmark for this machine."""
        if self._reference:
            return pathlib.Path(self._reference)
        command = ["cargo", "build", "--quiet", "--locked", "--bin", "wingmark", "--message-format", "json"]
        messages = subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE, text=True).stdout
        built, = filter(None, (json.loads(line).get("executable") for line in messages.splitlines()))
        return pathlib.Path(built)

    def folder(self):
        return pathlib.Path(tempfile.mkdtemp(dir=self.scratch))

    def tidy(self):
        """Removes what was made for tests."""
        shutil.rmtree(self.scratch)
        self.scratch.mkdir()

    def share(self, job):
        """A folder for a board: wingmark, the scripts for jobs, and the job's command line."""
        share = self.folder()
        shutil.copy(self.binary, share / "wingmark")
        for script in (HERE / "guest").iterdir():
            shutil.copy(script, share)
        (share / "job").write_text(job + "\n")
        return share

    def machine(self, share, **options):
        return Machine(self, share, **options)

    def disk(self, megabytes, *options):
        """An image file with an empty ext4 file system."""
        image = self.folder() / "disk"
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", *options, image], check=True)
        return image

    def read_disk(self, image):
        """The files of an ext4 image as they are after a reboot: its journal is replayed, in a
        copy."""
        folder = self.folder()
        copy = folder / "disk"
        subprocess.run(["cp", "--sparse=always", image, copy], check=True)
        # 1: faults were found and repaired, which is what replaying is.
        checked = subprocess.run(["e2fsck", "-fy", copy], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if checked.returncode not in (0, 1):
            raise AssertionError(f"the file system is lost:\n{checked.stdout}")
        (folder / "files").mkdir()
        subprocess.run(["debugfs", "-R", f"rdump / {folder / 'files'}", copy], check=True, stderr=subprocess.DEVNULL)
        copy.unlink()
        return folder / "files"

    def reference(self, name, content, frames=1):
        """What this machine's own wingmark makes of a picture or a video of so many frames: the
        face's points in the last."""
        folder = self.folder()
        (folder / name).write_bytes(content)
        log = folder / "log.jsonl"
        command = [self.host_binary, "run", "--screen", "none", "--source", folder / name, "--record", log]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        records = logs.jsonl(log)
        assert len(records) == frames
        face, = records[-1].faces
        return face

    def scene(self):
        return pictures.scene(self.portrait)
