"""`Failure`: why a command could not be done, in the words that go to stderr.

Imports nothing, because `bptt --help` imports this module.

Read next: `reports.commands.systems`.
"""


class Failure(Exception):
    """What was asked for could not be done; the message is one line, plus the caret lines of an equation error."""
