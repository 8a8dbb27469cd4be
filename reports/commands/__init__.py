"""The commands of `bptt`, one a file; `reports.cli` imports the one that is asked for."""
