"""The models behind `TBA`: what can run, what keeps its limits, and how good it is.

Gaussian processes over the mixed, conditional space, one for each thing that a trial shows. Needs
numpy and scipy, so that nothing outside imports this package before a proposal is wanted.
"""
