"""Benchmarks: what a change costs, as ratios within one run on one machine."""
