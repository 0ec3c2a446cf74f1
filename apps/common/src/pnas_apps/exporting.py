"""The files of a run's nets, and the proof that they are right."""

from collections.abc import Mapping

import torch
from attrs import frozen
from torch import nn

from pnas_apps.run import Run
from pnas_export import Parity, ParityError, export_onnx, export_tflite, verify
from pnas_ops import load_json, save_json

PROOF_IMAGES = 256


@frozen(kw_only=True)
class Proofs:
    """Every file of every net on every installed runtime, by the name of the net."""

    nets: dict[str, tuple[Parity, ...]]


def export_networks(run: Run, networks: Mapping[str, nn.Module]) -> Proofs:
    """Writes every net as TFLite and ONNX, and proves each file on every installed runtime, on test images.

    Reads the proofs where they are.

    Raises:
        ParityError: for a file that does not compute what its net does; it is deleted.
    """
    if run.folder.parity.exists():
        return load_json(run.folder.parity, Proofs)
    test = run.task.test
    spread = torch.linspace(0, len(test) - 1, min(PROOF_IMAGES, len(test))).long()
    images = run.preprocessing(test.images[spread])
    input_shape = (1, *test.images.shape[1:])
    proofs = {}
    with run.reporter.bar("exporting and proving", 3 * len(networks)) as advance:
        for name, network in networks.items():
            files = run.folder.network(name)
            advance(0, text=f"{name} net to TFLite")
            export_tflite(network, input_shape, files.tflite, log=run.folder.converter_log)
            advance(text=f"{name} net to ONNX")
            export_onnx(network, input_shape, files.onnx, log=run.folder.converter_log)
            advance(text=f"{name} net, proof")
            try:
                proofs[name] = verify(network, [files.onnx, files.tflite], images)
            except ParityError:
                files.onnx.unlink()
                files.tflite.unlink()
                raise
            advance(text="")
    found = Proofs(nets=proofs)
    save_json(found, run.folder.parity)
    return found
