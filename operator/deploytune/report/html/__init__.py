"""The report of a tuning as one HTML page that needs no network. Pure: a record in, text out.

    story       what the page tells, sorted once: the record, its trials in order, what they spent
    figures/    one idea a module: a story in, a figure of plotly as plain data out
    sections    which of them the page shows, in which order, and in which words
    page        the parts and the template become the text

Colours are names of the style sheet's variables, such as `var(--feasible)`, looked up in the
browser: so light and dark are one set of data. Texts that others wrote reach plotly through `plain`
and HTML through Jinja's escaping, and nothing else puts text on the page.
"""
