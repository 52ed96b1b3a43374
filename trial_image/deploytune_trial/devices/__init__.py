"""The NVIDIA devices of a trial: which they are, whether they are fit, what they did meanwhile."""
