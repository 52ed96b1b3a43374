"""The figures of a report, one idea a module: a story in, a figure of plotly as plain data out."""
