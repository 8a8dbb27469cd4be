"""Somebody's functions, called

Read next: ` what they take, what they return, and which arrays they are to be judged by.:numeric.check.calling.adapter`.
"""
