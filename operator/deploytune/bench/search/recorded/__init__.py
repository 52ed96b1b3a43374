"""Problems that replay a real table: every configuration of a space, measured beforehand.

`table` reads one, `system` draws from its repeats, `scenarios` makes a problem of a seed. How a
table comes about is `bench.recording`'s matter.
"""
