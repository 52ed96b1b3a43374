"""A real table: every configuration of a small space measured through the trials of `run`.

`rounds` says what is measured next, `lines` keeps what was measured in a file that is only ever
appended to, `playing` plays one trial through the port of the local runtime, `circumstances` says
on which machine and with which versions, `recorder` ties them together, and `tabling` makes the
table that `bench.search.recorded` replays.
"""
