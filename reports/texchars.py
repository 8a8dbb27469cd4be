r"""Characters beyond ASCII for pdflatex, and text made safe for TeX.

pdflatex knows few characters, and stops at every other one. So the preamble of a report declares each
character that occurs in it, here given as LaTeX that works in text, in formulas and inside ``verbatim``:
mathematical signs through ``\uni``, which code blocks make exactly one column wide; letters with accents
taken apart; and for the rest its code point in a box, so that a strange name costs a strange look and not
the report.

Read next: `reports.latex`.
"""

from __future__ import annotations

import re
import unicodedata


def _pairs(characters: str, *latex: str) -> dict[str, str]:
    """A table from characters to the words of LaTeX that stand for them."""
    return dict(zip(characters, " ".join(latex).split(), strict=True))


MATHEMATICAL = {
    **_pairs("αβγδεζηθι", r"\alpha \beta \gamma \delta \varepsilon \zeta \eta \theta \iota"),
    **_pairs("κλμνξπρςσ", r"\kappa \lambda \mu \nu \xi \pi \rho \varsigma \sigma"),
    **_pairs("τυφχψωϵϑϕϱ", r"\tau \upsilon \varphi \chi \psi \omega \epsilon \vartheta \phi \varrho"),
    **_pairs("ΓΔΘΛΞΠΣΥΦΨΩ", r"\Gamma \Delta \Theta \Lambda \Xi \Pi \Sigma \Upsilon \Phi \Psi \Omega"),
    **{char: rf"\mathrm{{{latin}}}" for char, latin in _pairs("ΑΒΕΖΗΙΚΜΝΟΡΤΧο", *"ABEZHIKMNOPTXo").items()},
    **{char: rf"\mathbb{{{latin}}}" for char, latin in _pairs("ℝℂℕℤℚℙ", *"RCNZQP").items()},
    **{char: rf"\mathcal{{{latin}}}" for char, latin in _pairs("ℒℱℋℰℬℳ", *"LFHEBM").items()},
    **{char: f"^{{{sign}}}" for char, sign in _pairs("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾", *"0123456789+-=()").items()},
    **{char: f"^{{{sign}}}" for char, sign in _pairs("ⁿⁱᵀᵗᵏʰ", *"niTtkh").items()},
    **{char: f"_{{{sign}}}" for char, sign in _pairs("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎", *"0123456789+-=()").items()},
    **{char: f"_{{{sign}}}" for char, sign in _pairs("ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", *"aehijklmnoprstuvx").items()},
    **_pairs("⊙⊗⊕⊖∘·×÷±∓−∗⋆", r"\odot \otimes \oplus \ominus \circ \cdot \times \div \pm \mp - \ast \star"),
    **_pairs("∂∇∞ℓ⊤⊥⟂∅∀∃", r"\partial \nabla \infty \ell \top \bot \perp \emptyset \forall \exists"),
    **_pairs("∈∉∋⊂⊆⊃∪∩∧∨¬", r"\in \notin \ni \subset \subseteq \supset \cup \cap \wedge \vee \neg"),
    **_pairs("≤≥≠≡≈∼≃∝", r"\leq \geq \neq \equiv \approx \sim \simeq \propto"),
    **_pairs("≪≫≜≔", r"\ll \gg \triangleq \coloneqq"),
    **_pairs("→←↔↦↑↓", r"\rightarrow \leftarrow \leftrightarrow \mapsto \uparrow \downarrow"),
    **_pairs("⇒⇐⇔", r"\Rightarrow \Leftarrow \Leftrightarrow"),
    **_pairs("∑∏∫√‖∥∣", r"\textstyle\sum \textstyle\prod \textstyle\int \surd \Vert \parallel \mid"),
    **_pairs("⟨⟩⌊⌋⌈⌉…⋯⋮⋱", r"\langle \rangle \lfloor \rfloor \lceil \rceil \ldots \cdots \vdots \ddots"),
    **_pairs("′″▹□∎✓✗", r"^{\prime} ^{\prime\prime} \triangleright \square \blacksquare \checkmark \times"),
    **_pairs("½¼¾µ", r"\tfrac12 \tfrac14 \tfrac34 \mu"),
}
TEXTUAL = {
    **_pairs("\u00a0\u2009\u202f\u2010\u2011\u200b\ufeff\ufe0f", r"~ \, \, - - \allowbreak \relax \relax"),
    **_pairs("–—‘’„•", r"\textendash \textemdash \textquoteleft \textquoteright ,, \textbullet"),
    **_pairs("“”", r"\textquotedblleft \textquotedblright"),
    **_pairs("°§¶©£", r"\textdegree \S \P \textcopyright \textsterling"),
    **_pairs("ßæÆøØłŁœŒıåÅ", r"\ss \ae \AE \o \O \l \L \oe \OE \i \aa \AA"),
}
ACCENTS = _pairs(
    "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0323\u0327",
    r"\` \' \^ \~ \= \u \. \" \r \H \v \d \c",
)
SPECIAL = {
    **{char: "\\" + char for char in "{}$&#%_"},
    **{char: f"{{{char}}}" for char in "[]"},
    **_pairs(r"\^~", r"\textbackslash{} \textasciicircum{} \textasciitilde{}"),
    **_pairs("<>|`", r"\textless{} \textgreater{} \textbar{} \textasciigrave{}"),
}
STRANGE = "\ufffd"  # for what is no character: controls, halves of surrogates
_NO_CHARACTER = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def declarations(source: str) -> str:
    """One line for every character beyond ASCII in a TeX source, in order."""
    beyond = sorted({char for char in source if ord(char) > 126})
    return "".join(f"\\DeclareUnicodeCharacter{{{ord(char):04X}}}{{{as_latex(char)}}}\n" for char in beyond)


def as_latex(char: str) -> str:
    """LaTeX for one character beyond ASCII."""
    if char in TEXTUAL:
        return TEXTUAL[char] + ("{}" if TEXTUAL[char][-1].isalpha() else "")
    if char in MATHEMATICAL:
        return rf"\uni{{{MATHEMATICAL[char]}}}"
    if char in ACCENTS:  # set back over the letter before it, as in c̃
        return rf"\llap{{{ACCENTS[char]}{{}}}}"
    apart = unicodedata.normalize("NFD", char)
    if len(apart) == 2 and apart[0].isascii() and apart[1] in ACCENTS:
        return f"{ACCENTS[apart[1]]}{{{apart[0]}}}"
    return rf"\strange{{{ord(char):04X}}}"


def label(text: str) -> str:
    """A label in ASCII; '=' occurs in none, so that no two become one."""
    return "".join(char if char.isascii() else f"={ord(char):04X}" for char in text)


def escape(text: str, *, typewriter: bool = False) -> str:
    """Text as TeX that prints it, and that can break a long name after a mark or after a dozen letters."""
    text = unicodedata.normalize("NFC", _NO_CHARACTER.sub(STRANGE, text))
    parts = []
    for word in re.split(r"(\s+)", text):
        # TeX hyphenates words, never identifiers.
        breakable = len(word) > 24 or (typewriter and len(word) > 12)
        run = 0
        for position, char in enumerate(word):
            if char == '"' and not typewriter:
                parts.append("``" if position == 0 or word[position - 1] in "([" else "''")
            elif char == "-" and word[position + 1 : position + 2] == "-":
                parts.append("-{}")  # an option is not a dash
            elif char in "\"'" and typewriter:
                parts.append(r"\textquotesingle{}" if char == "'" else r"\char34{}")
            else:
                parts.append(SPECIAL.get(char, char))
            run += 1
            if breakable and (char in "_./-,:;()[]=+*" or run >= 12):
                parts.append(r"\allowbreak{}")
                run = 0
    return "".join(parts)


def columns(line: str, width: int) -> list[str]:
    r"""A line of code in pieces of at most ``width`` columns, broken at a space where one is near.

    It is broken, too, inside the one word that would end ``verbatim``.
    """
    pieces = []
    line = _NO_CHARACTER.sub(STRANGE, line.expandtabs(4))
    end = line.find("\\end{verbatim")
    if end >= 0:
        return columns(line[: end + 4], width) + columns("    " + line[end + 4 :], width)
    indent = " " * min(len(line) - len(line.lstrip()) + 4, width // 2)
    while len(line) > width:
        space = line.rfind(" ", len(indent) + width // 3, width + 1)
        cut = space if space > 0 else width
        pieces.append(line[:cut].rstrip())
        line = indent + line[cut:].lstrip()
    return [*pieces, line]
