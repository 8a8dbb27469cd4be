"""Loops over time in C: what `numeric.compile(system, compiled=True)` adds to the generated NumPy.

A scan of columns (`numeric.columns`) becomes one C function for all its steps.  Its calls (`numeric.lowering`) are
the same as in NumPy; here those on the same rows are fused into one loop over numbers, in which most values never
leave a register.  Everything else, the products over all steps among it, stays NumPy.

Read next: `numeric.native.sink`.
"""
