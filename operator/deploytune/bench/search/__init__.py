"""DeployBench: searches compared on problems whose truth is known.

`problems` says what a problem is; `published` and `landscapes` make them up, `recorded` replays
real ones; `peers` are the searches; `runs` plays one search on one problem against a simulated
clock; `matrix` plays many, on several processes, into a `results` file; `statistics`, `tables` and
`plots` read it.
"""
