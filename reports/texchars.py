r"""Characters beyond ASCII for pdflatex, and text made safe for TeX.

pdflatex knows few characters, and stops at every other one. So the preamble of a report declares each character that
occurs in it, here given as LaTeX that works in text, in formulas and inside ``verbatim``: mathematical signs through
``\uni``, which code blocks make exactly one column wide; letters with accents taken apart; and for the rest its code
point in a box, so that a strange name costs a strange look and not the report.

Read next: `reports.latex`.
"""

from __future__ import annotations

import re
import unicodedata

MATHEMATICAL = {
    **dict(
        zip(
            "αβγδεζηθικλμνξπρςστυφχψωΓΔΘΛΞΠΣΥΦΨΩϵϑϕϱ",
            r"\alpha \beta \gamma \delta \varepsilon \zeta \eta \theta \iota \kappa \lambda \mu \nu \xi \pi \rho "
            r"\varsigma \sigma \tau \upsilon \varphi \chi \psi \omega \Gamma \Delta \Theta \Lambda \Xi \Pi \Sigma "
            r"\Upsilon \Phi \Psi \Omega \epsilon \vartheta \phi \varrho".split(),
            strict=True,
        )
    ),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧο", (rf"\mathrm{{{char}}}" for char in "ABEZHIKMNOPTXo"), strict=True)),
    **dict(zip("ℝℂℕℤℚℙ", (rf"\mathbb{{{char}}}" for char in "RCNZQP"), strict=True)),
    **dict(zip("ℒℱℋℰℬℳ", (rf"\mathcal{{{char}}}" for char in "LFHEBM"), strict=True)),
    **dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵀᵗᵏʰ", (f"^{{{char}}}" for char in "0123456789+-=()niTtkh"), strict=True)),
    **dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", (f"_{{{char}}}" for char in "0123456789+-=()aehijklmnoprstuvx"), strict=True)),
    **dict(
        zip(
            "⊙⊗⊕∘·×÷±∓−∗⋆∂∇∞ℓ⊤⊥∅∀∃∈∉∋⊂⊆⊃∪∩∧∨¬≤≥≠≡≈∼≃∝≪≫→←↔↦⇒⇐⇔↑↓∑∏∫√‖∥∣⟨⟩⌊⌋⌈⌉…⋯⋮⋱′″⟂⊖▹□∎≜≔",
            r"\odot \otimes \oplus \circ \cdot \times \div \pm \mp - \ast \star \partial \nabla \infty \ell \top \bot "
            r"\emptyset \forall \exists \in \notin \ni \subset \subseteq \supset \cup \cap \wedge \vee \neg \leq \geq "
            r"\neq \equiv \approx \sim \simeq \propto \ll \gg \rightarrow \leftarrow \leftrightarrow \mapsto "
            r"\Rightarrow \Leftarrow \Leftrightarrow \uparrow \downarrow \textstyle\sum \textstyle\prod \textstyle\int "
            r"\surd \Vert \parallel \mid \langle \rangle \lfloor \rfloor \lceil \rceil \ldots \cdots \vdots \ddots "
            r"{}^{\prime} {}^{\prime\prime} \perp \ominus \triangleright \square \blacksquare \triangleq \coloneqq".split(),
            strict=True,
        )
    ),
    "½": r"\tfrac12",
    "¼": r"\tfrac14",
    "¾": r"\tfrac34",
    "✓": r"\checkmark",
    "✗": r"\times",
}
TEXTUAL = {
    "\u00a0": "~", "\u2009": r"\,", "\u202f": r"\,", "\u2011": "-", "\u2010": "-", "\u2212": r"\uni{-}",
    "–": r"\textendash", "—": r"\textemdash", "‘": r"\textquoteleft", "’": r"\textquoteright",
    "“": r"\textquotedblleft", "”": r"\textquotedblright", "„": ",,", "•": r"\textbullet", "°": r"\textdegree",
    "§": r"\S", "¶": r"\P", "©": r"\textcopyright", "€": r"\texteuro", "£": r"\textsterling", "µ": r"\uni{\mu}",
    "ß": r"\ss", "æ": r"\ae", "Æ": r"\AE", "ø": r"\o", "Ø": r"\O", "ł": r"\l", "Ł": r"\L", "œ": r"\oe", "Œ": r"\OE",
    "ı": r"\i", "å": r"\aa", "Å": r"\AA", "\u200b": r"\allowbreak", "\ufeff": r"\relax", "\ufe0f": r"\relax",
}  # fmt: skip
ACCENTS = {
    "\u0300": r"\`", "\u0301": r"\'", "\u0302": r"\^", "\u0303": r"\~", "\u0304": r"\=", "\u0306": r"\u", "\u0307": r"\.",
    "\u0308": r"\"", "\u030a": r"\r", "\u030b": r"\H", "\u030c": r"\v", "\u0323": r"\d", "\u0327": r"\c",
}  # fmt: skip
SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    "`": r"\textasciigrave{}", "[": "{[}", "]": "{]}",
}  # fmt: skip


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
    apart = unicodedata.normalize("NFD", char)
    if len(apart) == 2 and apart[0].isascii() and apart[1] in ACCENTS:
        return f"{ACCENTS[apart[1]]}{{{apart[0]}}}"
    return rf"\strange{{{ord(char):04X}}}"


def escape(text: str, *, typewriter: bool = False) -> str:
    """Text as TeX that prints it, and that can break a long name after a mark or after a dozen letters."""
    text = unicodedata.normalize("NFC", text)
    parts = []
    for word in re.split(r"(\s+)", text):
        # TeX hyphenates words, never identifiers.
        breakable = len(word) > 24 or (typewriter and len(word) > 12)
        run = 0
        for position, char in enumerate(word):
            if ord(char) < 32 and not char.isspace():
                char = "\ufffd"
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
    r"""A line of code in pieces of at most ``width`` columns, broken at a space where one is near, and never in
    the one word that would end ``verbatim``."""
    pieces = []
    line = line.expandtabs(4)
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
