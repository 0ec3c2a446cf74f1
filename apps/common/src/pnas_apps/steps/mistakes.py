"""Which images the file that ships gets wrong."""

import base64
import io
from collections import Counter
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from pnas_apps.run.mistakes import Confusion, Mistake, Mistakes
from pnas_apps.run.run import Run
from pnas_apps.steps.net_export import spread
from pnas_export import file_name, installed_runtimes, read_metadata

_IMAGES, _EXAMPLES, _SIDE = 2000, 24, 96


def find_mistakes(run: Run, bundle: Path) -> Mistakes | None:
    """The mistakes of the file on at most 2,000 test images, evenly over all classes.

    It is the int8 file, where there is one, or else the first.

    Args:
        run: with its images.
        bundle: the folder of the files.

    Returns:
        None where no installed runtime runs a file.
    """
    files = sorted(path for path in bundle.iterdir() if path.suffix in (".tflite", ".onnx"))
    files.sort(key=lambda path: path.name != file_name("tflite-int8"))
    found = [(path, runtime) for path in files for runtime in installed_runtimes() if runtime.supports(path)]
    if not found:
        return None
    path, runtime = found[0]
    model, metadata = runtime.load(path), read_metadata(path)
    test = spread(run.task.test, _IMAGES)
    counts: Counter[tuple[int, int]] = Counter()
    wrong: list[Mistake] = []
    batches = run.pixel_batches(test)
    for pixels, labels in run.reporter.counted(f"what {path.name} gets wrong", batches, len(batches), "batches"):
        probs = model(pixels if metadata.raw_pixels else metadata.preprocessing(pixels)).float().softmax(1)
        shares, answers = probs.max(1)
        counts.update(zip(labels.tolist(), answers.tolist(), strict=True))
        for index in (answers != labels).nonzero().flatten().tolist():
            share = float(shares[index])
            # Of all wrong ones a picture is made only where it may be kept.
            if len(wrong) < _EXAMPLES or share > wrong[-1].probability:
                mistake = Mistake(
                    label=int(labels[index]), answer=int(answers[index]), probability=share, picture=_png(pixels[index])
                )
                wrong = sorted([*wrong, mistake], key=lambda one: -one.probability)[:_EXAMPLES]
    return Mistakes(
        file=path.name,
        runtime=f"{runtime.name} {runtime.version}",
        images=len(test),
        confusions=tuple(
            Confusion(label=label, answer=answer, count=count) for (label, answer), count in sorted(counts.items())
        ),
        examples=tuple(wrong),
    )


def _png(pixels: Tensor) -> str:
    """uint8 (C, H, W), no larger than it has to be, in base64."""
    image = Image.fromarray(pixels.permute(1, 2, 0).squeeze(2).contiguous().to(torch.uint8).numpy())
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()
