"""Whether equations are written as LaTeX or in the language; quick to import, because every argument is asked.

Read next: `derive.tex.tokens`.
"""

from __future__ import annotations

import re

LATEX = re.compile(r"\\[A-Za-z]|[_^]\{|\^<|_t\b")


def looks_like_latex(text: str) -> bool:
    """Whether equations are written as LaTeX, with ``h_{t-1}``, and not with ``h[t-1]``."""
    code = "\n".join(re.split(r"[#%]", line)[0] for line in text.splitlines())
    own = re.search(r"@|\w\s*\[\s*[a-z]\s*(?:[-+]\s*\d+\s*)?\]", code)
    return bool(LATEX.search(code)) and not own
