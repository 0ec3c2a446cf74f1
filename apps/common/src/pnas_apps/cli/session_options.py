"""How a command's session is started, as its command line says it. Imports nothing heavy."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from pnas_apps.ground.gpus import Accelerator
    from pnas_apps.ground.session import Session


@frozen(kw_only=True)
class SessionOptions:
    """What a command is started with; see `pnas_apps.ground.session.started_session`."""

    accelerator: "Accelerator"
    workers: int | None
    deterministic: bool
    tensorboard: bool = False

    def started(self) -> "AbstractContextManager[Session]":
        """The session, within a `with` statement. Imports PyTorch."""
        from pnas_apps.ground.session import started_session

        return started_session(
            accelerator=self.accelerator,
            workers=self.workers,
            deterministic=self.deterministic,
            tensorboard=self.tensorboard,
        )
