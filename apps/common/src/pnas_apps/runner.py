"""From a command line's options to a run."""

from collections.abc import Callable
from pathlib import Path

import torch
from platformdirs import user_cache_path

from pnas_apps.errors import UserError
from pnas_apps.folders import Track
from pnas_apps.pipeline import run_pipeline
from pnas_apps.presets import Options
from pnas_apps.progress import Reporter
from pnas_apps.run import Run
from pnas_apps.run_folder import RunFolder, unfinished_folder
from pnas_apps.settings import Preset, RunSettings, Task, structure_preset
from pnas_export import ConversionError, ParityError
from pnas_ops import workloads
from pnas_supernet import DivergenceError

RUNS = Path("runs")


def run_task(
    name: str,
    preset_name: str,
    options: Options,
    read_task: Callable[[Preset, Track], Task],
    *,
    run_dir: Path | None,
    seed: int,
    table: Path | None,
    cache_dir: Path | None,
    accelerator: str,
    reporter: Reporter,
) -> None:
    """Reads the images, finds the run's folder, goes the whole road and says where everything is.

    Raises:
        UserError: for anything that the user can mend.
    """
    device = _training_device(accelerator)
    preset = structure_preset(options, preset_name)
    if run_dir is not None:
        RunFolder(run_dir).refuse_finished()
    try:
        task = read_task(preset, reporter.track)
        workloads(task.space)
    except ValueError as error:
        raise UserError(str(error)) from None
    settings = RunSettings(
        task=task.name,
        seed=seed,
        preset=preset,
        space=task.space,
        train_images=len(task.train),
        test_images=len(task.test),
    )
    folder = unfinished_folder(RUNS, name, settings) if run_dir is None else RunFolder(run_dir)
    goes_on = folder.begin(settings)
    reporter.console.print(
        f"{task.name}: {len(task.train)} training and {len(task.test)} test images of {len(task.train.classes)} "
        f"classes; {'going on with' if goes_on else 'new run in'} {folder.path}, on {device.type}"
    )
    run = Run(task=task, preset=preset, folder=folder, seed=seed, device=device, reporter=reporter)
    try:
        run_pipeline(run, cache=cache_dir or user_cache_path("pnas") / "tables", table_path=table)
    except (ConversionError, DivergenceError, ParityError) as error:
        raise UserError(str(error)) from error
    names = ", ".join(sorted(path.name for path in folder.path.iterdir()))
    reporter.console.print(f"Everything is in {folder.path}: {names}")


def _training_device(accelerator: str) -> torch.device:
    available = torch.cuda.is_available()
    if accelerator == "cuda" and not available:
        raise UserError("PyTorch finds no CUDA GPU here: leave out --accelerator, or give --accelerator cpu")
    return torch.device("cuda" if available and accelerator != "cpu" else "cpu")
