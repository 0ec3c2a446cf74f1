"""The message of an error in one line."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, from another library or the user's code; its type if it has none."""
    # A KeyError's text is the representation of its key, in which line breaks are escaped.
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return next(iter(text.strip().splitlines()), type(error).__name__)
