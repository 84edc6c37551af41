"""Reads what `--publish` sends, with nothing of wingmark's:

    listen.py opentrack|openseeface|udp PORT [COUNT]

Prints a line a datagram, and ends after COUNT of them.
"""
import json
import socket
import struct
import sys

# emilianavt/OpenSeeFace, facetracker.py, in the order of its calls to struct.pack; one record a
# face.
OPENSEEFACE = struct.Struct("<d i 2f 2f B f 4f 3f 3f 68f 136f 210f 14f")


def opentrack(data):
    assert len(data) == 48, f"{len(data)} bytes; expected 48"
    x, y, z, yaw, pitch, roll = struct.unpack("<6d", data)
    return f"x {x:.1f} y {y:.1f} z {z:.1f} cm, yaw {yaw:.1f} pitch {pitch:.1f} roll {roll:.1f} degrees"


def openseeface(data):
    assert len(data) % OPENSEEFACE.size == 0 and OPENSEEFACE.size == 1785, f"{len(data)} bytes"
    lines = []
    for fields in OPENSEEFACE.iter_unpack(data):
        face, width, height, right, left, success = fields[1:7]
        euler, place = fields[12:15], fields[15:18]
        # As Unity/OpenSee.cs has it: what it takes for zero, and where its axes are.
        turn = (-(euler[0] + 180) % 360, -euler[1], (euler[2] - 90) % 360)
        at = (-place[1], place[0], -place[2])
        points = fields[18 + 68 : 18 + 68 + 136]
        inside = sum(0 <= x < width and 0 <= y < height for x, y in zip(points[::2], points[1::2]))
        lines.append(
            f"face {face} of {width:.0f}x{height:.0f}, eyes {right:.2f} {left:.2f}, success {success}, "
            f"turn {[round(t, 1) for t in turn]}, place {[round(a, 2) for a in at]}, {inside} points inside"
        )
    return "; ".join(lines)


def udp(data):
    assert len(data) <= 1400, f"{len(data)} bytes"
    seen = json.loads(data)
    return f"{len(data)} bytes, schema {seen['schema']}, face {seen['id']}, pose {seen.get('pose')}"


def main():
    read = {"opentrack": opentrack, "openseeface": openseeface, "udp": udp}[sys.argv[1]]
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # Who sends may be a board.
    listener.bind(("0.0.0.0", int(sys.argv[2])))
    for _ in range(int(sys.argv[3])) if len(sys.argv) > 3 else iter(int, 1):
        print(read(listener.recv(65535)), flush=True)


if __name__ == "__main__":
    main()
