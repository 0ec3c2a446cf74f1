"""The documents of a bundle for the users of its files."""

from collections.abc import Sequence
from pathlib import Path

from pnas_export.bundles.metadata import Metadata
from pnas_export.bundles.readme import bundle_readme
from pnas_export.bundles.sample import SAMPLE_OUTPUTS, SAMPLE_PICTURE, Sample, as_png, sample_outputs
from pnas_export.proving.proof import Proof
from pnas_ops import to_json


def user_documents(
    metadata: Metadata, files: Sequence[Path], *, proof: Proof | None = None, sample: Sample | None = None
) -> dict[str, bytes]:
    """README.md and, with a sample, sample.png and sample.json: their content by name.

    Args:
        metadata: labels and preprocessing.
        files: exported files, by their names in the bundle.
        proof: of the files.
        sample: an image to try the files with.

    Raises:
        ValueError: naming a file that no runtime loads.
    """
    documents = {"README.md": bundle_readme(metadata, files, proof=proof, has_sample=sample is not None).encode()}
    if sample is not None:
        documents[SAMPLE_PICTURE] = as_png(sample.pixels)
        documents[SAMPLE_OUTPUTS] = to_json(sample_outputs(sample, metadata, files)).encode()
    return documents
