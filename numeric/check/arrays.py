"""`check_arrays`: the arrays of somebody's run in, a `Verdict` out.

>>> import derive, numeric
>>> rnn = derive.load("rnn")  # doctest: +SKIP

Read next: `numeric.check.files`.
"""

from __future__ import annotations
