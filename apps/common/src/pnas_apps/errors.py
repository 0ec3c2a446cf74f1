"""Mistakes that a user can mend."""


class UserError(Exception):
    """Its message is one line that names the thing and the way out; programs print it and nothing else."""
