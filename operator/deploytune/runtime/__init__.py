"""Where trials run: one small port, its adapters, and the pass that uses it.

The only place that starts processes or touches the state directory.
"""
