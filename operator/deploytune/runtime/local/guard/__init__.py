"""The guard of one attempt: a small process between the run and the trial.

It outlives the run. While it lives it holds the attempt's lock; when it lets go, every process of
the attempt is dead, the control group, the scratch folder and the shared memory are gone, and
`ending.json` says how the attempt ended. It enforces what the trial may not exceed:

    memory      a control group where one may be made, else the summed PSS of the process tree
    time        the run deadline as a backstop, time spent waiting for the measurement lock left out
    its log     cut to its end when it grows too long
    its owner   when the run dies, the pipe to the guard closes, and the trial is ended

Standard library only, and little of it: it starts for every attempt.
"""
