"""Benchmarks of how trials measure: on simulated servers, and of the load generators.

They stand beside what they measure, since the operator's side imports no trial: `deploytune bench
measure` runs them as a process, as it does trials.
"""
