"""What a user is told about checkpoints."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_supernet import CheckpointError


@contextmanager
def told_to_user(reporter: Reporter) -> Iterator[None]:
    """Inside the `with` block warnings become lines of the program, and checkpoints' errors the user's."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except CheckpointError as error:
            raise UserError(str(error)) from None
    for warning in caught:
        reporter.console.print(f"  warning: {warning.message}", style="yellow")
