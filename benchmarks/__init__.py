"""Measurements of Firstline on this machine: tables and ratios of one run, never a test of time.

`python -m benchmarks` prints every table, `python -m benchmarks latency` one of them. Figures that
depend on the disk stand beside its fdatasync, and every run says how noisy the machine was.
"""
