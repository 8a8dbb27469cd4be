r"""LaTeX as papers write it, read into the equation language."""

from derive.tex.equations import from_latex, looks_like_latex, to_text

__all__ = ["from_latex", "looks_like_latex", "to_text"]
