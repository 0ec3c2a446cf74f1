"""What an error says, in a line."""


def first_line(error: BaseException) -> str:
    """The first line of an error of another library, or of the user's code; its type where it says nothing."""
    # A KeyError's text is the representation of its key, in which line breaks are escaped.
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return next(iter(text.strip().splitlines()), type(error).__name__)
