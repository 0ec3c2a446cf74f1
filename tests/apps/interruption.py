"""A user who loses patience."""

import itertools

from pnas_apps.ground.progress import Reporter


class Interrupted(Reporter):
    """A user who presses Ctrl-C at a given step."""

    def __init__(self, reporter: Reporter, step: int) -> None:
        super().__init__(reporter.console)
        self._step = step

    def bar(self, what: str, *counted):
        outer = super().bar(what, *counted)
        steps = itertools.count(1)

        class Bar:
            def __enter__(bar):  # noqa: N805
                advance = outer.__enter__()

                def interrupting(count: int = 1, *, text: str | None = None) -> None:
                    advance(count, text=text)
                    if next(steps) == self._step:
                        raise KeyboardInterrupt

                return interrupting

            def __exit__(bar, *error):  # noqa: N805
                return outer.__exit__(*error)

        return Bar()
