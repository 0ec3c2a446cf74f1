"""Files that take their names only after a runtime has run them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from pnas_export.ground.scratch import scratch_folder
from pnas_export.runtimes.model_files import ModelFileError
from pnas_export.runtimes.parity import load_on_runtimes
from pnas_ops import FilePath, write_atomically


@contextlib.contextmanager
def trial_file(name: str, content: bytes) -> Iterator[Path]:
    """A temporary file of this name and content, for a trial."""
    with scratch_folder() as folder:
        trial = Path(folder, name)
        trial.write_bytes(content)
        yield trial


def write_runnable(path: FilePath, content: bytes, images: Tensor) -> None:
    """Writes a quantized file, atomically, after an installed runtime has loaded it and run it on two images.

    Args:
        path: where to write; ends with the suffix of its format.
        content: of the file.
        images: (N, C, H, W), as the file takes them.

    Raises:
        ModelFileError: for a file that no runtime loads; nothing is written.
    """
    path = Path(path)
    with trial_file(path.name, content) as trial:
        try:
            loaded, _ = load_on_runtimes(trial)
            for model in loaded.values():
                model.outputs(images[:2])
        except ModelFileError as error:
            raise ModelFileError(
                f"the quantizer made a file that no runtime runs ({error.what})",
                "choose a format of float activations, such as tflite-float16",
            ) from error
    write_atomically(path, content)
