"""Trials as processes of this machine, their records in a state directory.

One guard process watches each attempt; the run only starts guards and reads what they leave. What a
guard imports from here is standard library only, so that it starts in the blink of an eye.
"""
