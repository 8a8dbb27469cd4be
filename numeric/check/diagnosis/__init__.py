"""Which mistakes give exactly the author's numbers, and how to say it.

Read next: `numeric.check.diagnosis.regions`.
"""
