r"""Formulas in words, for whoever listens to a report: ``δ h sub t equals o sub t elementwise times …``.

Browsers hand MathML to screen readers, and some of these read it well; the others, and search in a page, take the
accessible name of a formula, and Chromium gives it none from ``alttext``. Here it is made from the tree of the
formula: what stands above or below a line is said after what it belongs to, signs by their meaning.

Read next: `reports.mathml`.
"""

from __future__ import annotations

import unicodedata
from xml.etree.ElementTree import Element

SIGNS = {
    "=": "equals", "+": "plus", "-": "minus", "\u2212": "minus", "\u2299": "elementwise times", "\u22c5": "times",
    "\u2202": "partial", "\u2211": "sum", "\u220f": "product", "\u2264": "at most", "\u2265": "at least",
    "<": "less than", ">": "greater than", "\u2260": "is not", "\u2208": "in", "\u2192": "to", "\u2190": "from",
    "\u22a4": "transposed", "\u2016": "norm", "|": "bar", "\u2225": "norm", "\u221e": "infinity", "\u2207": "nabla",
    "\u2113": "ell", "\u2026": "and so on", "\u22ef": "and so on", "\u2218": "after", "/": "over",
    "\u27e8": "", "\u27e9": "", "\u2032": "prime", "\u2033": "double prime", "\u2295": "direct plus",
    "\u00d7": "by", "\u2248": "about", "\u223c": "is drawn from", "\u2297": "outer times",
}  # fmt: skip
ACCENTS = {
    "\u00af": "bar",
    "\u02c6": "hat",
    "\u02dc": "tilde",
    "\u02d9": "dot",
    "\u00a8": "double dot",
    "\u2192": "arrow",
}
POWERS = {"2": "squared", "3": "cubed", "transposed": "transposed"}


def spoken(element: Element) -> str:
    """The words of a formula; none are lost, though a listener may need two hearings of a nested one."""
    parts = [spoken(child) for child in element]
    match element.tag:
        case "mi" | "mn" | "mo" | "mtext":
            return _sign(element.text or "")
        case "mspace" | "mphantom":
            return ""
        case "mfrac":
            return f"{_one(parts[0])} over {_one(parts[1])}"
        case "msqrt":
            return f"root of {_one(' '.join(parts))}"
        case "msub" | "munder":
            return f"{parts[0]} sub {_one(parts[1])}" if not _large(element) else f"{parts[0]} over {parts[1]} of"
        case "msup":
            return f"{parts[0]} {_raised(parts[1])}"
        case "mover":
            return f"{parts[0]} {ACCENTS.get((element[1].text or '').strip(), f'with {parts[1]} above')}"
        case "msubsup":
            return f"{parts[0]} sub {_one(parts[1])} {_raised(parts[2])}"
        case "munderover":
            return f"{parts[0]} from {parts[1]} to {parts[2]} of"
        case "mtr":
            return ", ".join(parts) + ";"
        case "mtable":
            return f"table {_joined(parts)} end table"
        case _:
            bar = " bar" if element.get("class") == "overline" else ""
            return _joined(parts) + bar


def _joined(parts: list[str]) -> str:
    return " ".join(" ".join(parts).split())


def _one(text: str) -> str:
    """Words that belong together, in parentheses if they are several."""
    return f"({text})" if " " in text.strip() and not text.startswith("(") else text


def _raised(text: str) -> str:
    return POWERS.get(text, f"super {_one(text)}")


def _large(element: Element) -> bool:
    return (element[0].text or "") in ("\u2211", "\u220f", "max", "min", "lim")


def _sign(text: str) -> str:
    text = text.strip()
    if text in SIGNS:
        return SIGNS[text]
    return "".join(_letter(char) for char in text)


def _letter(char: str) -> str:
    """A letter without its dress: ℒ is said L, δ delta; letters of other scripts stay."""
    char = unicodedata.normalize("NFKC", char)
    words = unicodedata.name(char, "").split() if len(char) == 1 else []
    if words[:1] != ["GREEK"] or "WITH" in words:
        return char
    return f"capital {words[-1].lower()}" if "CAPITAL" in words else words[-1].lower()
