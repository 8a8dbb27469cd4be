"""An adjoint and its variants, many at once.

Read next: `numeric.check.variants.edits`.
"""
