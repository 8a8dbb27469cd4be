r"""Our LaTeX as the subset that matplotlib sets itself, so that a label in a picture looks as it does in the text.

Of what `reports.formula` allows, mathtext misses little: ``\text`` and ``\operatorname`` are upright letters, long
fences are spelled out, and an accent needs braces. Names of users are letters, digits and underscores, never commands.

Read next: `reports.pictures.canvas`.
"""

from __future__ import annotations

import re

WORDS = {
    r"\lVert": r"\Vert ", r"\rVert": r"\Vert ", r"\lvert": r"\vert ", r"\rvert": r"\vert ", r"\boldsymbol": r"\mathbf",
    r"\operatorname": r"\mathrm", r"\text": r"\mathrm", r"\top": r"\top ", r"\displaystyle": "", r"\textstyle": "",
    r"\left": "", r"\right": "", r"\;": r"\ ", r"\tfrac": r"\frac", r"\dfrac": r"\frac",
}  # fmt: skip
COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)")


def mathtext(latex: str) -> str:
    """A formula for matplotlib, dollars included."""
    text = COMMAND.sub(lambda match: WORDS.get(match[0], match[0]), latex)
    return f"${text}$"


def words(text: str) -> str:
    """Plain text for matplotlib: a dollar in it is a dollar."""
    return text.replace("$", r"\$")
