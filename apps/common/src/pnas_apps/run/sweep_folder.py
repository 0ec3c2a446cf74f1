"""The folder of a sweep: that of a run, which has the folder of a run for every aim in it."""

from attrs import evolve

from pnas_apps.run.device_settings import DeviceSettings
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.settings import RunSettings
from pnas_apps.run.sweep_aims import SweepAim, device_names, folder_name


def of_device(folder: RunFolder, aims: tuple[SweepAim, ...], device: DeviceSettings) -> RunFolder:
    """The folder of a sweep as far as one of its devices is concerned, whose table has a file of its own.

    That of a run without aims is what it is.
    """
    if not aims:
        return folder
    found = RunFolder(folder.path)
    found.table = folder.path / f"table-{device_names(aims)[device]}.json"
    return found


def of_aim(folder: RunFolder, aims: tuple[SweepAim, ...], aim: SweepAim) -> RunFolder:
    """The folder of an aim's own run, in that of the sweep."""
    return RunFolder(folder.path / folder_name(aim, aims))


def settings_of_aim(settings: RunSettings, aim: SweepAim) -> RunSettings:
    """What the run of one aim was asked to do, by the settings of the sweep."""
    budget = evolve(settings.budget, latency_ms=aim.latency_ms)
    return evolve(settings, aims=(), budget=budget, device=aim.device)
