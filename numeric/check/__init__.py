"""Somebody's hand-written gradient, checked: which convention it uses, and which term of it is wrong.

`bind` finds out what the arrays of a `dump.Dump` mean: a `bound.Bound`, that is a `System`, its values, and where
every number of the author's gradients belongs.  ``diagnosis`` compares them with the derivation and, where they
differ, with derivations that have one mistake, or two, or three (``mutants``).  The answer is a `verdict.Verdict`.

Read next: `numeric.check.bound`.
"""
