"""Mistakes that a user of a program can fix."""


class UserError(Exception):
    """Its message is one line that names the thing and the way out; programs print it and nothing else.

    (No `pnas_ops.PnasError`, which the packages raise and the programs print too: `--help` does not import PyTorch.)
    """
