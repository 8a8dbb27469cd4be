"""Somebody's functions called: what they take and return, and the arrays by which they are judged.

Read next: `numeric.check.calling.adapter`.
"""
