"""A system as one readable file for another language or framework, without any dependency on this project.

Read next: `numeric.targets.plan`.
"""
