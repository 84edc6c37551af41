#!/usr/bin/env python3
"""ROS 2: hri_msgs/FacialLandmarks of each face on /humans/faces/ID/landmarks (ROS4HRI). Needs rclpy
and hri_msgs.

    wingmark run --record - | python3 examples/ros2_bridge.py [FRAME_ID]
"""

import json
import sys

# Midway between these: the right eye's, then the left one's.
PUPILS = (range(36, 42), range(42, 48))


def landmarks(seen, face):
    """70 times x, y, c: x and y in 0 to 1 of the picture, c the confidence; the first 68 are
    iBUG's, as ROS4HRI has them."""
    share = lambda value, side: min(1.0, max(0.0, (value + 0.5) / side))
    points = [(*point, c) for point, c in zip(face["points"], face["point_confidence"])]
    points += [[sum(points[i][axis] for i in eye) / len(eye) for axis in range(3)] for eye in PUPILS]
    return [(share(x, seen["width"]), share(y, seen["height"]), float(c)) for x, y, c in points]


def main():
    try:
        import rclpy
        from hri_msgs.msg import FacialLandmarks, IdsList, NormalizedPointOfInterest2D
    except ImportError as error:
        sys.exit(f"{error.name} is missing: source ROS 2's setup.bash, and install hri_msgs")

    rclpy.init()
    node = rclpy.create_node("wingmark")
    tracked = node.create_publisher(IdsList, "/humans/faces/tracked", 1)
    publishers = {}
    for line in sys.stdin:
        if not line.endswith("\n"):  # A run that was stopped may leave half a line.
            break
        seen = json.loads(line)
        now = node.get_clock().now().to_msg()
        ids = IdsList(ids=[f"wm{face['id']}" for face in seen["faces"]])
        ids.header.stamp = now
        tracked.publish(ids)
        for name in publishers.keys() - set(ids.ids):
            node.destroy_publisher(publishers.pop(name))
        for name, face in zip(ids.ids, seen["faces"]):
            if name not in publishers:
                publishers[name] = node.create_publisher(FacialLandmarks, f"/humans/faces/{name}/landmarks", 1)
            message = FacialLandmarks(height=seen["height"], width=seen["width"])
            message.header.stamp, message.header.frame_id = now, sys.argv[1] if len(sys.argv) > 1 else "camera"
            points = landmarks(seen, face)
            message.landmarks = [NormalizedPointOfInterest2D(x=x, y=y, c=c) for x, y, c in points]
            publishers[name].publish(message)


if __name__ == "__main__":
    main()
