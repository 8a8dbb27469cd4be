"""Code for other frameworks: one readable file for each, without any dependency on this project."""
