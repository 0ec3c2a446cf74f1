"""What a user's Python file gives: a pretrained net, and perhaps a rule, a loss, a score and images."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from attrs import frozen
from torch import nn

from pnas_apps.ground.errors import UserError
from pnas_apps.run.named_functions import call_user_code, named_file, run_file, takes_argument
from pnas_ops import Batches, Score, sha256_of
from pnas_own.made_net import check_made
from pnas_supernet import Loss, Rule

Result = TypeVar("Result")
Loaders = Callable[[Path], tuple[Batches, Batches, Batches]]
OPTIONAL = ("rule", "loss", "score", "loaders")


@frozen(kw_only=True, eq=False)
class Given:
    """The functions of the file; None where it has none of that name.

    Attributes:
        path: of the file.
        name: of the function that makes the net.
        sha256: of the file.
        make: the pretrained net; takes the number of classes, or nothing.
        rule: which candidates may stand in place of a module, see `pnas_supernet.search_space_of`.
        loss: of the net's output for a batch, and the targets.
        score: of the same: how good the output is, larger is better.
        loaders: batches of uint8 RGB pixels (N, 3, H, W) and targets from a folder: for the weights, for the choice
            among the candidates, and for the test.
    """

    path: Path
    name: str
    sha256: str
    make: Callable[..., nn.Module]
    rule: Rule | None = None
    loss: Loss | None = None
    score: Score | None = None
    loaders: Loaders | None = None

    @property
    def score_name(self) -> str:
        """What people call that by which outputs are judged."""
        return "accuracy" if self.score is None else "score"

    def network(self, classes: int) -> nn.Module:
        """The pretrained net.

        Raises:
            UserError: where the function fails, or returns something else, see `check_made`.
        """
        arguments = [classes] if takes_argument(self.make) else []
        return check_made(self.call(self.name, lambda: self.make(*arguments)), self.path, self.name)

    def call(self, name: str, function: Callable[[], Result]) -> Result:
        """Calls one of the file's functions.

        Raises:
            UserError: naming the function, the line and what it raised.
        """
        return call_user_code(self.path, f"{name} raised", function)

    def refuse_unknown_classes(self) -> None:
        """Refuses a function that asks for the number of classes beside loaders, which only the file itself can know.

        Raises:
            UserError: for such a function.
        """
        if self.loaders is not None and takes_argument(self.make):
            raise UserError(
                f"{self.path}: {self.name} takes the number of classes, which is unknown with loaders: let {self.name} "
                "take no argument"
            )


def read_given(text: str) -> Given:
    """The functions of the file that a command line names as FILE.py:FUNCTION.

    Raises:
        UserError: for no such file or function, one that Python cannot run, names that are no functions, and one
            that wants the number of classes beside loaders.
    """
    path, name = named_file(text)
    module = run_file(path)
    functions = {key: getattr(module, key) for key in (name, *OPTIONAL) if hasattr(module, key)}
    if name not in functions:
        raise UserError(f"{path} has no {name}: name a function in it that returns your net")
    for key, value in functions.items():
        if not callable(value):
            raise UserError(f"{path}: {key} is a {type(value).__name__}, not a function: rename it")
    optional: dict[str, Any] = {key: functions.get(key) for key in OPTIONAL}
    given = Given(path=path, name=name, sha256=sha256_of(path), make=functions[name], **optional)
    given.refuse_unknown_classes()
    return given
