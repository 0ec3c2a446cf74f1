"""The files of a run's nets, and the proof that they are right."""

import json
from collections.abc import Mapping

import torch
from attrs import asdict
from torch import nn

from pnas_apps.images import ImageSet, Normalization
from pnas_apps.progress import Reporter
from pnas_apps.run_folder import RunFolder
from pnas_export import Parity, ParityError, export_onnx, export_tflite, verify
from pnas_ops import write_atomically

PROOF_IMAGES = 256


def export_networks(
    networks: Mapping[str, nn.Module],
    test: ImageSet,
    normalization: Normalization,
    folder: RunFolder,
    *,
    reporter: Reporter,
) -> dict[str, tuple[Parity, ...]]:
    """Writes every net as TFLite and ONNX, and proves each file on every installed runtime, on test images.

    Raises:
        ParityError: for a file that does not compute what its net does; it is deleted.
    """
    spread = torch.linspace(0, len(test) - 1, min(PROOF_IMAGES, len(test))).long()
    images = normalization(test.images[spread])
    input_shape = (1, *test.images.shape[1:])
    proofs = {}
    with reporter.bar("exporting and proving", 3 * len(networks)) as advance:
        for name, network in networks.items():
            paths = folder.network(name)
            advance(0, text=f"{name} net to TFLite")
            export_tflite(network, input_shape, paths.tflite, log=folder.converter_log)
            advance(text=f"{name} net to ONNX")
            export_onnx(network, input_shape, paths.onnx, log=folder.converter_log)
            advance(text=f"{name} net, proof")
            try:
                proofs[name] = verify(network, [paths.onnx, paths.tflite], images)
            except ParityError:
                paths.onnx.unlink()
                paths.tflite.unlink()
                raise
            advance(text="")
    document = {name: [asdict(proof) for proof in rows] for name, rows in proofs.items()}
    write_atomically(folder.parity, json.dumps(document, indent=1) + "\n")
    return proofs
