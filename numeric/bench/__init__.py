"""Speed, measured beside peers: `bptt bench`.

A `task.Task` is a system at the sizes of a configuration, with arrays.  A contender computes it in its own way: the
kernel, the same as a textbook would write it, PyTorch, JAX, and the matrix products alone.  Before anything is timed
the results are compared; then two contenders run in turn, and the ratio of every pair counts.

Read next: `numeric.bench.task`.
"""
