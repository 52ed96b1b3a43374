"""Benchmarks that a stranger can run again: of the operator (`cluster`) and of the search."""
