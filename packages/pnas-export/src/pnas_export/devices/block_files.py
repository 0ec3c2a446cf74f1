"""Blocks and whole nets as files, one after the other, for measurements that need a file."""

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from attrs import frozen

from pnas_export.blocks.chaining import chain_signatures
from pnas_export.blocks.nets import net_model
from pnas_export.blocks.signatures import IDLE
from pnas_export.ground.scratch import scratch_folder
from pnas_export.quantizing.quantization import quantize_on_noise
from pnas_ops import AnyNet, AnyWorkload, ModuleBuilder, ModuleWorkload, Workload

FileDtype = Literal["float32", "int8"]
"""The dtype of the files that a device runs; int8 files are quantized on noise, which changes no latency."""


@frozen(kw_only=True)
class BlockFile:
    """A TFLite file that exists until the next one is requested.

    Attributes:
        path: of the file.
        key: its block or net; None for the file that computes almost nothing, for the overhead of a call.
        what: its description for error messages.
    """

    path: Path
    key: AnyWorkload | AnyNet | None
    what: str


def block_files(
    keys: Sequence[AnyWorkload | AnyNet],
    model: bytes,
    called: Mapping[AnyWorkload, str],
    *,
    dtype: FileDtype,
    build: ModuleBuilder | None = None,
    cache: Path | None = None,
    log: Path | None,
) -> Generator[BlockFile, None, None]:
    """The file of an empty call, then one for each key. Close the generator, which then removes their folder.

    Args:
        keys: blocks and nets.
        model: of `convert_workloads`, with all blocks that they are made of.
        called: the signature of each block in it, as from `needed_workloads`.
        dtype: of the files. Those in int8 have ranges from random images.
        build: makes the nets of a `ModuleSpace`, which are converted in their turn.
        cache: a folder for converted files.
        log: a file that receives what converter and quantizer print; dropped if None.
    """
    with scratch_folder() as folder:
        path = folder / "model.tflite"
        path.write_bytes(chain_signatures(model, [IDLE]))
        yield BlockFile(path=path, key=None, what="an empty call")
        for key in keys:
            if isinstance(key, Workload | ModuleWorkload):
                what, content = f"block {key}", chain_signatures(model, [called[key]])
            else:
                what, content = f"net {key.name!r}", net_model(key, model, build=build, cache=cache, log=log)
            path.write_bytes(content)
            if dtype == "int8":
                quantize_on_noise(path, key.input_shapes, log=log)
            yield BlockFile(path=path, key=key, what=what)
