"""What the operator costs in a cluster: `python -m deploytune.bench.cluster`."""
