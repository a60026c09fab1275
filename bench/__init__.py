"""Benchmarks: rates and ratios, measured in one run; never part of the tests."""
