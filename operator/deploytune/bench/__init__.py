"""Benchmarks that a stranger can run again: what the operator costs in a cluster."""
