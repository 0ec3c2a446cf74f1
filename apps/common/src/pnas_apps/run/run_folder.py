"""The folder of a run on images and a space of blocks."""

from pnas_apps.ground.errors import UserError
from pnas_apps.run.classes import with_labels
from pnas_apps.run.device_settings import DeviceSettings
from pnas_apps.run.folder import KeptRun
from pnas_apps.run.settings import RunSettings, load_settings
from pnas_ops import FormatError, UnknownOperationError, from_dict, parse_json


class RunFolder(KeptRun[RunSettings]):
    """What such a run was asked to do, and all that it keeps."""

    def _load_settings(self) -> RunSettings:
        self.refuse_run_of("pnas-own", "OwnSettings")
        try:
            settings = with_labels(load_settings(self.settings), self.labels)
        except UnknownOperationError as error:
            raise UserError(
                f"{error.what}: give the --ops that the run was started with, or install the package that has them"
            ) from None
        if settings.classes and len(settings.classes) != settings.space.classes:
            raise FormatError(
                f"{self.settings}: {len(settings.classes)} names of classes, and a space of {settings.space.classes}"
            )
        return settings

    def read_device(self) -> DeviceSettings:
        """The device that the net was searched for: all that is read where only the run's bundle is needed.

        Raises:
            FormatError: naming a file that is damaged.
        """
        self.files.check(self.settings)
        try:
            document = parse_json(self.settings.read_text(encoding="utf-8"))
            return from_dict(document.get("device", {}) if isinstance(document, dict) else None, DeviceSettings)
        except FormatError as error:
            raise FormatError(f"{self.settings}: {error.what}", "name the bundle in the folder") from None
