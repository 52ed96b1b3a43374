"""Loads the server and measures it: load generators, windows, percentiles, memory, throttling."""
