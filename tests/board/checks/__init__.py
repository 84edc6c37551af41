"""The tests. Each takes the lab, raises where something is wrong, and returns its figures in a
line."""

from . import camera, durability, resources, service

QUICK = {"camera", "full_disk"}
TESTS = {test.__name__: test for module in [camera, durability, resources, service] for test in module.TESTS}
