"""Pictures: diagrams and plots as SVG for HTML and PDF for TeX, the same bytes every time.

`diagram` says what is drawn, `layered` or `graphviz` where, `drawing` and `plots` draw, all with matplotlib.

Read next: `reports.pictures.mathtext`.
"""
