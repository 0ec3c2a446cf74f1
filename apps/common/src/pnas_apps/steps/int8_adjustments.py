"""Which int8 files of a net get more than rounding: those that are requested, and those that got it before."""

from collections.abc import Sequence
from pathlib import Path

from pnas_apps.ground.errors import UserError
from pnas_apps.run.folder import holds_bundle
from pnas_apps.run.network_folder import NetworkFolder
from pnas_apps.run.run import Run
from pnas_apps.steps.int8_training import fine_tune, load_fine_tuned
from pnas_export import CALIBRATED_FORMATS, AdjustedFile, Adjustment, Bundle, Format, KeepFloat, format_of
from pnas_ops import PnasError


def check_int8(formats: Sequence[Format], keep_float: KeepFloat | None, fine_tune_epochs: int | None) -> None:
    """Raises a UserError for the options of int8 files where none is requested."""
    if (keep_float or fine_tune_epochs) and not set(formats) & set(CALIBRATED_FORMATS):
        flag = "--keep-float" if keep_float else "--fine-tune"
        raise UserError(f"{flag} is for int8 files: name a --format of {', '.join(CALIBRATED_FORMATS)}")


def new_adjustments(
    run: Run,
    folder: NetworkFolder,
    formats: Sequence[Format],
    keep_float: KeepFloat | None,
    fine_tune_epochs: int | None,
) -> dict[Format, Adjustment]:
    """The adjustments of the int8 files among `formats`, after the fine-tuning if there is to be one."""
    if not keep_float and not fine_tune_epochs:
        return {}
    network = fine_tune(run, folder, fine_tune_epochs) if fine_tune_epochs else None
    adjustment = Adjustment(keep_float=keep_float or (), network=network)
    return {name: adjustment for name in formats if name in CALIBRATED_FORMATS}


def kept_adjustments(folder: NetworkFolder, bundle: Path, formats: Sequence[Format]) -> dict[Format, Adjustment]:
    """What the files of a bundle that are made again as they were have had, as far as a damaged one says it.

    Raises:
        FormatError: where the weights of a fine-tuned one are gone or damaged.
    """
    adjustments: dict[Format, Adjustment] = {}
    for one in _adjusted(bundle):
        if format_of(one.file) in formats:
            network = load_fine_tuned(folder) if one.fine_tuned else None
            adjustments[format_of(one.file)] = Adjustment(keep_float=one.float_layers, network=network)
    return adjustments


def _adjusted(bundle: Path) -> tuple[AdjustedFile, ...]:
    if not holds_bundle(bundle):
        return ()
    try:
        return Bundle(bundle).proof.adjusted
    except PnasError:
        return ()
