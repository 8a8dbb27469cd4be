"""The look of the HTML report: its style sheet, and the script that copies equations.

Kept as text in a module, and not as files beside it, so that nothing depends on how the package was
installed.

An equation table is a grid whose rows share its columns (subgrid): left side, relation, terms, reason,
shape, number. Only the column of the terms gives way, and a long sum wraps at its terms. The steps ask
for the width of the text column, not of the window (container queries), because the contents list takes a
part of a wide window: below 46 rem a reason moves under its equation, below 27 rem the columns dissolve
and a row runs on as a line of text does.

The script adds what the page does without: buttons that copy LaTeX or code. It needs no network.

Read next: `reports.html`.
"""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fffefb; --ink: #1c1b19; --soft: #6b6862; --faint: #6f6b65; --line: #e4e0d7;
  --tint: #f6f3ec; --link: #1f5a92; --mark: #fdf1cd;
  --pass: #27704a; --fail: #b3362b; --warning: #875c06; --note: #1f5a92;
  --string: #4d6b1f; --keyword: #8a3b74;
  --text: "STIX Two Text", Charter, "Bitstream Charter", Cambria, "Libertinus Serif", "Source Serif 4",
    "Noto Serif", "Liberation Serif", "Times New Roman", serif;
  --sans: system-ui, "Segoe UI", "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16171a; --ink: #e6e3dc; --soft: #a29e96; --faint: #8f8b84; --line: #303237;
    --tint: #1f2125; --link: #8ab8e6; --mark: #3a3420;
    --pass: #7cc596; --fail: #ef8c80; --warning: #dcb35c; --note: #8ab8e6;
    --string: #b5cf80; --keyword: #d99bc6;
  }
}
* { box-sizing: border-box; }
html { font-size: 17px; scroll-padding-top: 1.5rem; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.58 var(--text);
  font-kerning: normal; overflow-wrap: anywhere; hyphens: manual; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; text-underline-offset: .15em; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 2px; }
math { font-family: "STIX Two Math", "Cambria Math", "Libertinus Math", "XITS Math", "TeX Gyre Termes Math",
    "Latin Modern Math", "STIX Math", math;
  font-size: 1.05em; white-space: nowrap; overflow-wrap: normal; }
.prime { font-family: var(--text); }
.overline { border-top: .06em solid; padding-top: .14em; } .underline { border-bottom: .06em solid;
    padding-bottom: .14em; }
munder mtd, msub mtd { padding: 0; }
.page { max-width: 50rem; margin: 0 auto; padding: 2.6rem 1.4rem 6rem; }
main { container-type: inline-size; min-width: 0; }
header { margin-bottom: 1.8rem; }
h1 { font-size: 2.05rem; line-height: 1.18; font-weight: 600; letter-spacing: -.012em; margin: 0 0 .35rem;
  text-wrap: balance; }
.subtitle { margin: 0; color: var(--soft); font-size: 1.08rem; line-height: 1.45; font-style: italic; }
h2, h3, h4 { font-weight: 600; line-height: 1.28; text-wrap: balance; position: relative; }
main > :first-child { margin-top: 0; }
h2 { font-size: 1.36rem; margin: 3rem 0 .8rem; padding-top: .9rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin: 2.1rem 0 .5rem; }
h4 { font-size: 1rem; margin: 1.6rem 0 .4rem; font-style: italic; }
h2 .n, h3 .n, h4 .n { color: var(--faint); font-weight: 400; margin-right: .6em; font-style: normal; }
h2 a, h3 a, h4 a { color: inherit; }
p { margin: .75rem 0; }
p, .reason, caption, figcaption { hanging-punctuation: first; text-wrap: pretty; }
.wide { display: inline-block; max-width: 100%; overflow-x: auto; overflow-y: hidden;
    vertical-align: middle; }
code { font: .84em/1.45 var(--mono); font-variant-ligatures: none; }
p code, td code, li code, caption code, figcaption code { background: var(--tint); border-radius: 3px;
  padding: .1em .3em; }

nav { font: .86rem/1.4 var(--sans); margin: 0 0 2rem; padding: .9rem 1.1rem 1rem; background: var(--tint);
  border-radius: 6px; }
nav h2 { all: unset; display: block; font: 600 .74rem var(--sans); letter-spacing: .07em;
    text-transform: uppercase;
  color: var(--soft); margin-bottom: .55rem; }
nav ol { list-style: none; margin: 0; padding: 0; columns: 17rem 2; column-gap: 2rem; }
nav li { break-inside: avoid; padding: .16rem 0 .16rem 1.9rem; text-indent: -1.9rem; }
nav .level2 { padding-left: 4.1rem; text-indent: -2.2rem; font-size: .95em; }
nav .n { display: inline-block; width: 1.9rem; text-indent: 0; color: var(--faint); }
nav .level2 .n { width: 2.2rem; }
nav a { color: var(--ink); }

.eqs { display: block; margin: .8rem 0 1rem; padding-left: 1.4rem; border-spacing: 0; }
.eqs tbody { display: grid; grid-template-columns: fit-content(34%) auto minmax(0, 1fr) fit-content(13rem)
    auto auto; }
.eqs tr { display: grid; grid-template-columns: subgrid; grid-column: 1 / -1; align-items: baseline;
  padding: .2rem .35rem; margin: 0 -.35rem; border-radius: 4px; position: relative; }
.eqs tr:target { background: var(--mark); }
.eqs td { padding: 0; display: block; grid-row: 1; }
.left { text-align: right; overflow-x: auto; overflow-y: hidden; padding-block: .12rem !important;
    grid-column: 1; }
.rel { text-align: center; padding: 0 .36em !important; grid-column: 2; }
.terms { grid-column: 3; overflow-x: auto; overflow-y: hidden; line-height: 1.62;
    padding-block: .12rem !important;
  overflow-wrap: normal; scrollbar-width: thin; }
.tail { margin-left: 1.6em; }
.step { display: inline-block; text-indent: 0; }
.reason { grid-column: 4; color: var(--soft); font-size: .84rem; line-height: 1.4; text-align: right;
  padding-left: 1rem !important; }
.shape { grid-column: 5; color: var(--soft); font-size: .84em; padding-left: 1.1rem !important;
    text-align: right; }
.number { grid-column: 6; padding-left: .9rem !important; text-align: right; min-width: 2.9rem;
  font-variant-numeric: tabular-nums lining-nums; }
.number a { color: var(--soft); }
.below .reason { grid-row: 2; grid-column: 3 / 5; text-align: left; padding: 0 !important; }
@container (max-width: 46rem) {
  .eqs tbody { grid-template-columns: fit-content(34%) auto minmax(0, 1fr) 0 auto auto; }
  .eqs .reason { grid-row: 2; grid-column: 3 / -1; text-align: left; padding: 0 !important; }
}
@container (max-width: 27rem) {
  .eqs { padding-left: 0; }
  .eqs tbody, .eqs tr { display: block; }
  .eqs tr { padding: .25rem 3.3rem .25rem 1.85rem; text-indent: -1.5rem; overflow-x: auto; overflow-y: hidden; }
  .eqs tr.on { text-indent: 0; }
  .eqs td { display: inline; padding: 0 !important; overflow: visible; }
  .eqs .terms math { margin-block: .14em; }
  .eqs .rel { padding: 0 .06em !important; }
  .eqs tr.on .rel { padding-left: 0 !important; }
  .eqs tr { background: var(--paper); } /* so that a formula that scrolls passes behind its number */
  .eqs .number { position: absolute; right: .35rem; top: .35rem; text-indent: 0; background: inherit; }
  .eqs .copy { right: .35rem; top: 1.7rem; } /* inside, or the row would scroll */
  .eqs .shape { text-indent: 0; margin-left: .9em; }
  .eqs .reason { display: block; text-indent: 0; margin-top: .1rem; }
  .tail { margin-left: .9em; }
  .step { display: inline; }
}

.columns { display: grid; gap: 0 2rem; grid-template-columns: repeat(var(--columns), minmax(0, 1fr)); }
.columns > div { container-type: inline-size; min-width: 0; }
.columns h4 { margin-top: .6rem; }
@container (max-width: 40rem) { .columns { grid-template-columns: minmax(0, 1fr); } }

.scroll { overflow-x: auto; margin: 1.1rem 0; }
table.data { border-collapse: collapse; font-size: .9rem; line-height: 1.42;
    font-variant-numeric: tabular-nums lining-nums;
  min-width: min(100%, 22rem); border-top: 1.5px solid var(--ink); border-bottom: 1.5px solid var(--ink);
  overflow-wrap: break-word; }
table.data caption, figcaption { text-align: left; color: var(--soft); font-size: .88rem; line-height: 1.45;
  padding-bottom: .5rem; }
table.data caption { max-width: 100cqi; }
caption b, figcaption b { color: var(--ink); font-weight: 600; margin-right: .35em; }
.data th { font-weight: 600; text-align: left; vertical-align: bottom; border-bottom: 1px solid var(--soft); }
.data th, .data td { padding: .34rem .75rem; max-width: 26rem; }
.data th:first-child, .data td:first-child { padding-left: .2rem; }
.data td { border-top: 1px solid var(--line); vertical-align: baseline; }
.data .r { text-align: right; } .data .c { text-align: center; }

figure { margin: 1.6rem 0; }
figure { overflow-x: auto; }
figure img { display: block; max-width: max(100%, 27rem); height: auto; margin: 0 auto; }
@media screen and (prefers-color-scheme: dark) { figure img { filter: invert(.9) hue-rotate(180deg); } }
figure .absent { border: 1px dashed var(--line); border-radius: 4px; padding: 1.2rem; color: var(--soft); }
figcaption { padding: .6rem 0 0; }

.code { position: relative; margin: 1.1rem 0; }
pre { margin: 0; padding: .85rem 1rem; background: var(--tint); border-radius: 6px; overflow-x: auto;
  overflow-wrap: normal; tab-size: 4; }
pre code { font-size: .78rem; line-height: 1.55; }
.co { color: var(--soft); font-style: italic; } .st { color: var(--string); } .kw { color: var(--keyword); }

.note { margin: 1.1rem 0; padding: .7rem 1rem; background: var(--tint); border-left: 3px solid var(--note);
  border-radius: 0 6px 6px 0; }
.note p { margin: .3rem 0; } .note .title { font-weight: 600; color: var(--note); }
.note.pass { border-color: var(--pass); } .note.pass .title { color: var(--pass); }
.note.fail { border-color: var(--fail); } .note.fail .title { color: var(--fail); }
.note.warning { border-color: var(--warning); } .note.warning .title { color: var(--warning); }

.copy { position: absolute; right: -2.9rem; top: .28rem; opacity: 0; border: 1px solid var(--line);
    cursor: pointer;
  background: var(--paper); color: var(--soft); border-radius: 4px; font: .66rem/1.3 var(--sans);
  padding: .12rem .35rem; width: 2.7rem; text-indent: 0; }
.code .copy { right: .5rem; top: .5rem; }
tr:hover > td > .copy, .code:hover > .copy, .copy:focus-visible { opacity: 1; }
.copy:hover { color: var(--ink); border-color: var(--faint); }
@media (max-width: 60rem) { .number .copy { right: 0; z-index: 1; } }
@media (hover: none) { .code .copy { opacity: .8; } }

@media (min-width: 72rem) {
  .page { max-width: 71rem; display: grid; grid-template-columns: 15.5rem minmax(0, 1fr); column-gap: 3.2rem;
    padding-right: 3.4rem; }
  header { grid-column: 2; }
  nav { position: sticky; top: 2.6rem; align-self: start; max-height: calc(100vh - 4rem); overflow-y: auto;
    margin: .4rem 0 0;
    background: none; padding: 0 .4rem 0 0; grid-row: 1 / span 2; }
  nav ol { columns: auto; }
  main { grid-column: 2; }
}
@media print {
  :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --faint: #666; --line: #ccc;
    --tint: #f4f4f2;
    --link: #1f4e79; --pass: #1d5e36; --fail: #8f241b; --warning: #6d4b06; --note: #1f4e79; --string: #3d5518;
    --keyword: #6d2c5b; }
  @page { size: A4; margin: 19mm 17mm; }
  html { font-size: 10.2pt; }
  .page { display: block; max-width: none; padding: 0; }
  nav { position: static; max-height: none; background: none; padding: 0; }
  .copy { display: none; }
  h2, h3, h4 { break-after: avoid; }
  .eqs tr, figure, .data tr, .note { break-inside: avoid; }
  .data thead { display: table-header-group; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  .scroll { overflow: visible; }
  p { orphans: 3; widows: 3; }
}
"""

SCRIPT = """
(function () {
  function fallback(text) {
    var area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    document.body.appendChild(area);
    area.select();
    var done = document.execCommand("copy");
    area.remove();
    return done ? Promise.resolve() : Promise.reject();
  }
  function copy(text) {
    if (!navigator.clipboard) { return fallback(text); }
    return navigator.clipboard.writeText(text).catch(function () { return fallback(text); });
  }
  function add(home, text, word, label) {
    var button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = word;
    button.setAttribute("aria-label", label);
    button.title = label;
    button.addEventListener("click", function () {
      copy(text).then(function () { button.textContent = "copied";
    }, function () { button.textContent = "failed"; });
      setTimeout(function () { button.textContent = word; }, 1400);
    });
    home.appendChild(button);
  }
  document.querySelectorAll("tr[data-tex]").forEach(function (row) {
    add(row.lastElementChild, row.dataset.tex, "TeX", "Copy equation " + row.id.slice(3) + " as LaTeX");
  });
  document.querySelectorAll(".code").forEach(function (box) {
    add(box, box.querySelector("code").textContent, "Copy", "Copy this code");
  });
})();
"""
