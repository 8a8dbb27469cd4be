"""Small experiments with the library's own kernels: what recurrent networks can learn in a minute.

They compute and do not print; `bptt demo` shows what they find.
"""
