"""The tests. Each takes the lab, raises where something is wrong, and returns its figures in a line."""

from . import durability

TESTS = {test.__name__: test for module in [durability] for test in module.TESTS}
