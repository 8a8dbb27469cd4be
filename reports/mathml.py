r"""Formulas as MathML that browsers set well: latex2mathml's tree, corrected.

latex2mathml reads the LaTeX; what it writes aims at MathML 3, while browsers implement MathML Core.
Corrected here:

- ``mathvariant`` other than normal is ignored by browsers: the characters of the mathematical alphabets
  are written;
- ``\operatorname{diag}`` is an operator with a gap on either side: becomes an upright identifier, spaced
  as TeX does;
- ``\mathrm{vec}`` is three identifiers, a single upright letter is set in italics: joined, marked as
  upright;
- a leading ``+`` would be set as a sign: ``form="infix"`` gives it the space of an operator;
- limits inside a group stand beside their sign, bars without ``\left`` stretch, accents are set as text:
  fixed;
- operators in scripts take the space of a line: tightened as in TeX; a prime is raised twice: taken from
  the text font;
- ``display="block"`` is needed for the limits of sums but breaks the line: written as ``displaystyle``
  instead.

Conversion takes about a millisecond, and a report repeats its terms: results are cached.

Read next: `reports.html`.
"""

from __future__ import annotations

import html
import itertools
import re
import unicodedata
from functools import lru_cache
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import convert_to_element

from reports.spoken import spoken

ALPHABETS = {
    "bold": ("BOLD",),
    "bold-italic": ("BOLD ITALIC", "BOLD"),
    "script": ("SCRIPT",),
    "bold-script": ("BOLD SCRIPT",),
    "double-struck": ("DOUBLE-STRUCK",),
    "fraktur": ("FRAKTUR", "BLACK-LETTER"),
    "sans-serif": ("SANS-SERIF",),
    "monospace": ("MONOSPACE",),
    "italic": (),
}
ACCENTS = {"^": "\u02c6", "~": "\u02dc", "\u203e": "\u00af"}
WIDTHS = {"negativethinmathspace": "-0.167em", "negativemediummathspace": "-0.222em"}
STACKED = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
SCRIPTED = frozenset(("msub", "msup", "msubsup", "munder", "mover", "munderover"))
PRIMES = frozenset("\u2032\u2033\u2034\u2057")
LARGE = frozenset("\u2211\u220f\u2210\u2a01\u2a02\u22c3\u22c2")
LIMITED = frozenset(["lim", "max", "min", "sup", "inf"])
_BRACES = re.compile(r"\\(math(?:cal|bb|bf|sf|tt|frak|rm|it)|boldsymbol)\s+([A-Za-z0-9])")
_WRITTEN_AS_ENTITY = re.compile(r"&#x000[4-7][0-9A-F];")


@lru_cache(maxsize=8192)
def to_mathml(latex: str, *, display: bool = False, infix: bool = False) -> str:
    """A `<math>` element; ``display`` gives limits above and below, ``infix`` spaces a leading operator."""
    # Without braces latex2mathml takes another path for fonts, and \mathcal L comes out in italics.
    math = convert_to_element(_BRACES.sub(r"\\\1{\2}", latex), display="block" if display else "inline")
    attributes = {"alttext": latex.strip()}
    if display:
        attributes["displaystyle"] = "true"
    math.attrib.clear()
    math.attrib.update(attributes)
    for element in math.iter():
        _correct_characters(element)
    for element in math.iter():
        _gather_base(element)
        _stack_limits(element)
        _tighten_scripts(element)
        _set_prime(element)
        _join_upright(element)
        _correct_accent(element)
        _space_functions(element)
        _space_fractions(element)
    row = math[0]
    if infix and len(row) and row[0].tag == "mo":
        # The white space between two formulas, where the line may break, is the space before the operator.
        row[0].set("form", "infix")
        row[0].set("lspace", "0")
    math.set("aria-label", spoken(math))
    return tostring(math, encoding="unicode", short_empty_elements=False)


def _correct_characters(element: Element) -> None:
    raw = element.text or ""
    element.text = html.unescape(raw) or None
    if element.tag == "mspace":
        element.set("width", WIDTHS.get(element.get("width", ""), element.get("width", "")))
    if element.tag == "mo" and element.get("stretchy") != "true" and element.text in ("|", "\u2016"):
        element.attrib.update(stretchy="false", lspace="0", rspace="0")
    if element.get("columnalign"):
        element.set("style", f"text-align: {element.attrib.pop('columnalign')}")
    if element.tag == "mo" and element.text == "\u2202":
        element.tag = "mi"
    if element.tag == "mo" and element.text == "/":
        element.attrib.update(lspace="0", rspace="0")
    if element.tag == "mi" and element.text in (";", ":"):
        element.tag = "mo"
        element.attrib.update(lspace="0" if element.text == ";" else "0.278em", rspace="0.222em")
    if element.tag == "mi" and element.text in ("\u27e8", "\u27e9"):
        element.tag = "mo"
        element.set("stretchy", "false")
    if element.tag == "mi" and _WRITTEN_AS_ENTITY.fullmatch(raw):
        element.set("mathvariant", "normal")
    variant = element.get("mathvariant", "normal")
    if variant != "normal":
        del element.attrib["mathvariant"]
        element.text = "".join(_in_alphabet(char, variant) for char in element.text or "")


def _in_alphabet(char: str, variant: str) -> str:
    name = unicodedata.name(char, "").replace("LATIN ", "").replace("GREEK ", "").replace(" LETTER", "")
    for style in ALPHABETS.get(variant, ()):
        # The letters that Unicode had before the alphabets keep their older names: SCRIPT CAPITAL L.
        for candidate in (f"MATHEMATICAL {style} {name}", f"{style} {name}"):
            try:
                return unicodedata.lookup(candidate)
            except KeyError:
                continue
    return char


def _gather_base(element: Element) -> None:
    """The script of a matrix belongs to its brackets too, which come as neighbours of the table."""
    wanted = 3 if element.tag == "msubsup" else 2
    if element.tag in ("msub", "msup", "msubsup") and len(element) > wanted:
        base, scripts = list(element)[: 1 - wanted], list(element)[1 - wanted :]
        for child in base:
            element.remove(child)
        row = Element("mrow")
        row.extend(base)
        element[:] = [row, *scripts]


def _stack_limits(element: Element) -> None:
    """Limits of large operators inside a group; movable, so they stand beside the sign in running text."""
    if element.tag in STACKED and len(element) and element[0].tag == "mo":
        core = element[0].text or ""
        if core in LARGE or core in LIMITED:
            element.tag = STACKED[element.tag]
            element[0].attrib.update(movablelimits="true", **({} if core in LARGE else {"lspace": "0", "rspace": "0"}))


def _tighten_scripts(element: Element) -> None:
    if element.tag in SCRIPTED:
        for script in element[1:]:
            for operator in script.iter("mo"):
                operator.attrib.update(lspace="0.05em", rspace="0.05em")


def _set_prime(element: Element) -> None:
    """Primes follow their letter on the line: fonts disagree on whether theirs are raised already."""
    if element.tag not in ("msup", "msubsup") or not set("".join(element[-1].itertext()).strip()) <= PRIMES:
        return
    prime = Element("mtext", {"class": "prime"})
    prime.text = "".join(element[-1].itertext()).strip()
    element.remove(element[-1])
    if element.tag == "msup":
        element.tag = "mrow"
        element.append(prime)
    else:
        element.tag, base = "msub", element[0]
        element[0] = Element("mrow")
        element[0].extend((base, prime))


def _join_upright(element: Element) -> None:
    """Neighbouring upright letters are one word; a letter and its index are no neighbours."""
    if element.tag not in ("mrow", "math", "mtd", "mstyle", "mpadded"):
        return
    children = list(element)
    for left, right in itertools.pairwise(children):
        if all(child.tag == "mi" and child.get("mathvariant") == "normal" for child in (left, right)):
            right.text = (left.text or "") + (right.text or "")
            element.remove(left)


def _correct_accent(element: Element) -> None:
    if element.tag not in ("mover", "munder") or len(element) != 2 or element[1].tag != "mo":
        return
    mark, base = element[1], "".join(element[0].itertext())
    if mark.text == "\u2015" or (mark.text == "\u00af" and len(base) > 1):
        # No font's bar stretches everywhere; the border of a group does.
        element.attrib.clear()
        element.set("class", "overline" if element.tag == "mover" else "underline")
        element.tag = "mrow"
        element.remove(mark)
        return
    if mark.text in ACCENTS or mark.text in ("\u00af", "\u02d9", "\u00a8", "\u2192"):
        element.set("accent" if element.tag == "mover" else "accentunder", "true")
        mark.attrib.pop("accent", None)
        mark.text = ACCENTS.get(mark.text or "", mark.text)
        mark.set(
            "stretchy",
            "true" if mark.text == "\u2192" or (len(base) > 1 and mark.text == "\u02c6") else "false",
        )


def _space_functions(element: Element) -> None:
    """Named functions take a thin space towards an operand, none towards a parenthesis, as in TeX."""
    children = list(element)
    if element.tag not in ("mrow", "mtd", "math"):
        return
    for position, child in enumerate(children):
        core = child[0] if child.tag in ("msub", "msup", "msubsup", "munder") and len(child) else child
        if core.tag not in ("mo", "mi") or not (core.text or "").isalpha() or len(core.text or "") < 2:
            continue
        if core.tag == "mi" and core.get("mathvariant") == "normal":
            continue
        if core.get("movablelimits") is None:
            core.tag = "mi"
            core.attrib.clear()
        before = children[position - 1] if position else None
        after = children[position + 1] if position + 1 < len(children) else None
        if before is not None and before.tag not in ("mo", "mspace"):
            element.insert(list(element).index(child), Element("mspace", width="0.167em"))
        if after is not None and after.tag not in ("mo", "mspace") and not _opens(after):
            element.insert(list(element).index(child) + 1, Element("mspace", width="0.167em"))


def _space_fractions(element: Element) -> None:
    """Two fractions side by side keep their bars apart, as by TeX's ``\\nulldelimiterspace``."""
    children = list(element)
    for left, right in itertools.pairwise(children):
        if left.tag == right.tag == "mfrac":
            element.insert(list(element).index(right), Element("mspace", width="0.22em"))


def _opens(element: Element) -> bool:
    """Whether the element starts with a fence, as the group of a ``\\left( … \\right)`` does."""
    return len(element) > 0 and element[0].tag == "mo" and (element[0].text or "") in ("(", "[", "{", "|", "\u2016")
