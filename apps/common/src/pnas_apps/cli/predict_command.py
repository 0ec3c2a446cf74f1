"""What a shipped file sees of photos, and what it says. Reads a bundle alone: the images of its run may be gone."""

import json
from collections.abc import Sequence
from pathlib import Path

from attrs import asdict, frozen

from pnas_apps.cli.file_commands import runtimes_of
from pnas_apps.devices.target import format_for
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_file import UnreadableImageError
from pnas_apps.photos.judged_view import JudgedView
from pnas_apps.run.folder import SEARCHED, holds_bundle
from pnas_apps.run.prediction import Prediction, label_values, most_probable
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.showing.prediction_table import prediction_table
from pnas_export import Bundle, Format, as_png, file_name
from pnas_ops import parse_json, write_atomically

_SHOWN_CLASSES = 5


@frozen(kw_only=True)
class Asked:
    """The request: which photos, and by which file.

    Attributes:
        where: folder of a run, or a bundle.
        name: of the run's net; the searched one if None.
        file: name of a file in the bundle; the one that the run's device takes if None.
        runtime: the runtime that runs it; the first one that is installed if None.
        photos: paths.
        of_photos: see `JudgedView`.
        as_is: whether the photos are what the net sees already.
        save_input: where a picture of what the net sees goes.
        as_json: whether JSON is printed, not a table.
    """

    where: Path
    name: str | None
    file: str | None
    runtime: str | None
    photos: tuple[Path, ...]
    of_photos: bool
    as_is: bool = False
    save_input: Path | None = None
    as_json: bool = False


def predict_photos(asked: Asked, reporter: Reporter) -> None:
    """Prints the most probable classes of every photo that can be read.

    Raises:
        UserError, PnasError: for anything that the user can fix; for photos that cannot be read, after the others.
    """
    if asked.save_input is not None:
        _check_picture(asked.save_input, asked.photos)
    bundle, preferred = _find(asked)
    file = _choose_file(bundle, asked.file, preferred)
    metadata = bundle.metadata
    if not metadata.labels:
        raise UserError(
            f"{bundle.path} holds a net without classes, and predict prints classes: run {file.name} as its README.md "
            "shows"
        )
    runtime = runtimes_of(file, asked.runtime)[0]
    try:
        model = runtime.load(file)
    except ValueError as error:
        raise UserError(str(error)) from None
    view = JudgedView(preprocessing=metadata.preprocessing, of_photos=asked.of_photos, as_is=asked.as_is)
    if not asked.as_json:
        reporter.console.print(f"{file} on {runtime.name} {runtime.version}", soft_wrap=True)
    said, unreadable = [], []
    for photo in asked.photos:
        try:
            pixels = view(photo)
        except UnreadableImageError as error:
            unreadable.append(f"{photo} ({error})")
            continue
        if asked.save_input is not None:
            write_atomically(asked.save_input, as_png(pixels))
        given = model(pixels[None] if metadata.raw_pixels else metadata.preprocessing(pixels[None]))
        (logits,) = label_values(file, given, metadata.labels)
        said.append(
            Prediction(
                photo=str(photo),
                file=file.name,
                runtime=f"{runtime.name} {runtime.version}",
                top=most_probable(logits, metadata.labels, _SHOWN_CLASSES),
                logits=tuple(logits.tolist()),
            )
        )
        if not asked.as_json:
            reporter.console.print(said[-1].photo, style="bold", soft_wrap=True)
            reporter.console.print(prediction_table(said[-1]))
    if asked.as_json:
        reporter.console.out(json.dumps([asdict(one) for one in said], indent=1), highlight=False)
    elif (doubt := _doubt(bundle)) is not None:
        reporter.warn(doubt)
    if unreadable:
        raise UserError(f"not readable as images: {', '.join(unreadable)}: name other files")


def _find(asked: Asked) -> tuple[Bundle, Format]:
    """The bundle, and the format that one would ask first."""
    if holds_bundle(asked.where):
        if asked.name is not None:
            raise UserError(f"{asked.where} is a bundle of one net: leave out --net")
        return Bundle.load(asked.where), "tflite"
    folder = RunFolder(asked.where)
    if not folder.settings.exists():
        raise UserError(f"{asked.where} holds neither a run nor a bundle: name the folder of one")
    name = asked.name or SEARCHED
    path = folder.bundle(name)
    if not holds_bundle(path):
        way_out = "finish the run with report" if name == SEARCHED else f"make one with export --net {name}"
        raise UserError(f"{asked.where} holds no bundle of the net {name!r}: {way_out}")
    return Bundle.load(path), format_for(folder.read_device())


def _doubt(bundle: Bundle) -> str | None:
    """What the run that a bundle lies in told of its net at the end; None where there is no such line to be read."""
    path = bundle.path.resolve()
    run = RunFolder(path.parent)
    if path != run.bundle(SEARCHED):
        return None
    try:
        found = parse_json(run.results.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    doubt = found.get("doubt") if isinstance(found, dict) else None
    return doubt if isinstance(doubt, str) else None


def _choose_file(bundle: Bundle, name: str | None, preferred: Format) -> Path:
    files = {file.name: file for file in bundle.files}
    if not files:
        raise UserError(f"{bundle.path} holds no exported file: make one with export --format")
    if name is None:
        return files.get(file_name(preferred), bundle.files[0])
    if name not in files:
        raise UserError(f"{bundle.path} holds no file {name!r}: name one of {', '.join(files)}, or export it first")
    return files[name]


def _check_picture(path: Path, photos: Sequence[Path]) -> None:
    if len(photos) > 1:
        raise UserError(f"{path} can hold one picture only: name one photo with --save-input")
    if path.suffix.lower() != ".png":
        raise UserError(f"{path} is not a PNG file, which is lossless: give --save-input a name that ends in .png")
    if path.exists() and path.samefile(photos[0]):
        raise UserError(f"{path} is the photo itself: give --save-input another name")
