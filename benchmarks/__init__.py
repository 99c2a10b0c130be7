"""Measurements that docs/results.md quotes; run as ``python -m benchmarks.NAME``."""
