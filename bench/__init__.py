"""Our server and the official one, measured side by side on one machine in one run.

`python -m bench run` measures, `python -m bench table` makes docs/performance.md's table of it.
Nothing here is a test: no time is asserted anywhere.
"""
