"""What the tests of the board share: the cache folder, the programs under test, folders and disks for machines."""

import os
import pathlib
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


class Lab:
    checkout = CHECKOUT

    def __init__(self, binary=None):
        self.path = pathlib.Path(os.environ.get("WINGMARK_BOARD_LAB", pathlib.Path.home() / ".cache/wingmark-board"))
        subprocess.run([HERE / "prepare", self.path], check=True)
        self.binary = pathlib.Path(binary) if binary else self._cross_build()
        self.portrait = Image.open(CHECKOUT / "assets/eileen-collins.jpg")

    def _cross_build(self):
        """wingmark for the board, as it ships."""
        cross_std = subprocess.run([HERE / "cross-std", TARGET], check=True, stdout=subprocess.PIPE, text=True)
        target_folder = self.path / "target"
        environment = {
            **os.environ,
            "PATH": f"{cross_std.stdout.strip()}:{os.environ['PATH']}",
            "CARGO_TARGET_DIR": str(target_folder),
        }
        command = ["cargo", "build", "--locked", "--release", "--target", TARGET, "--bin", "wingmark"]
        subprocess.run(command, cwd=CHECKOUT, env=environment, check=True)
        return target_folder / TARGET / "release/wingmark"

    def folder(self):
        return pathlib.Path(tempfile.mkdtemp(prefix="test.", dir=self.path))

    def share(self, job):
        """A folder for a board: wingmark, the scripts for jobs, and the job's command line."""
        share = self.folder()
        shutil.copy(self.binary, share / "wingmark")
        for script in (HERE / "guest").iterdir():
            shutil.copy(script, share)
        (share / "job").write_text(job + "\n")
        return share

    def machine(self, share, **options):
        return Machine(self.path, share, **options)

    def disk(self, megabytes, *options):
        """An image file with an empty ext4 file system."""
        image = self.folder() / "disk"
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", *options, image], check=True)
        return image

    def read_disk(self, image):
        """The files of an ext4 image as they are after a reboot: its journal is replayed, in a copy."""
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

    def reference(self, picture, frames=4):
        """What this machine's own wingmark makes of a picture that stands still: the record of the last frame."""
        folder = self.folder()
        (folder / "pictures").mkdir()
        for number in range(frames):
            picture.save(folder / f"pictures/{number:03}.png")
        log = folder / "log.jsonl"
        command = ["cargo", "run", "--quiet", "--locked", "--bin", "wingmark", "--", "run", "--screen", "none"]
        subprocess.run([*command, "--source", folder / "pictures", "--record", log], cwd=CHECKOUT, check=True,
                       stdout=subprocess.DEVNULL)
        return logs.jsonl(log)[-1]

    def scene(self):
        return pictures.scene(self.portrait)
