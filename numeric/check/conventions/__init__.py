"""Which convention the arrays of a dump are in, found out and not asked for.

Read next: `numeric.check.conventions.axes`.
"""
