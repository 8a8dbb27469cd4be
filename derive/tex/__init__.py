r"""LaTeX as papers write it, read into the equation language."""
