"""A net and everything needed to use it, in one human-readable folder."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import Attribute, evolve, field, frozen
from torch import nn

from pnas_export.bundles.documents import user_documents
from pnas_export.bundles.metadata import Metadata
from pnas_export.bundles.sample import Sample
from pnas_export.proving.proof import Proof
from pnas_export.quantizing.formats import BUNDLE_FILES
from pnas_ops import (
    Architecture,
    FilePath,
    FormatError,
    PnasError,
    build_network,
    load_json,
    load_weights,
    recover,
    replaced_folder,
    save_json,
    save_weights,
    sha256_of,
    write_atomically,
)

_CONTENTS = "bundle.json"
_EXPORTED = (".onnx", ".tflite")
_DOCUMENTS = (
    "README.md",
    "architecture.json",
    "labels.txt",
    "metadata.json",
    "parity.json",
    "sample.json",
    "sample.png",
    "weights.safetensors",
)


class BundleError(PnasError, ValueError):
    """A bundle that is incomplete or changed; the message names the file and the way out."""


@frozen(kw_only=True)
class Contents:
    """The SHA-256 of every file of a bundle, by its name."""

    sha256: dict[str, str] = field()

    @sha256.validator
    def _check_names(self, attribute: "Attribute[dict[str, str]]", sha256: dict[str, str]) -> None:
        if elsewhere := [name for name in sha256 if Path(name).name != name]:
            raise ValueError(f"a bundle's files are in its folder, {elsewhere[0]!r} is not")


@frozen(repr=False)
class Bundle:
    """A folder with the exported files, weights.safetensors, metadata.json and, if known, labels.txt and more.

    README.md says how to use these files. sample.png and sample.json are a test image and the output of each file for
    it. architecture.json describes the net, if `pnas_ops` built it. parity.json holds the proof of the files, and
    bundle.json a hash of every file. `save` writes a bundle, `load` reads one, `check` compares the hashes.
    """

    path: Path = field(converter=Path)

    def __repr__(self) -> str:
        return f"Bundle({str(self.path)!r})"

    @classmethod
    def save(
        cls,
        path: FilePath,
        network: nn.Module,
        metadata: Metadata,
        files: Sequence[FilePath],
        *,
        architecture: Architecture | None = None,
        proof: Proof | None = None,
        sample: Sample | None = None,
    ) -> "Bundle":
        """Writes a bundle into a new folder, which then replaces the previous one.

        Args:
            path: the folder; the files of a previous bundle are replaced, all others kept.
            network: with the weights of `architecture`.
            metadata: labels and preprocessing.
            files: exported files, which are copied.
            architecture: of the network; without it `Bundle.network` cannot rebuild the net.
            proof: of the files.
            sample: an image to try the files with.

        Raises:
            ValueError: for two files of one name, for weights of another architecture, and for a file that no runtime
                loads.
        """
        sources = [Path(file) for file in files]
        names = [source.name for source in sources]
        if len(set(names)) != len(names):
            raise ValueError(f"a bundle cannot hold two files of the same name: {', '.join(sorted(names))}")
        with staged_bundle(path) as staged:
            for source in sources:
                shutil.copyfile(source, staged / source.name)
            write_documents(staged, network, metadata, architecture=architecture, proof=proof, sample=sample)
        return cls(path)

    @classmethod
    def load(cls, path: FilePath) -> "Bundle":
        """The bundle in a folder, with every file as it was saved.

        Raises:
            BundleError: for a folder without a bundle, and for a file that is missing or has changed.
        """
        recover(path)
        bundle = cls(path)
        bundle.check()
        return bundle

    def check(self) -> None:
        """Compares every file with its hash.

        Raises:
            BundleError: naming all files that are missing or have changed.
        """
        wrong = []
        for name, expected in self._contents.sha256.items():
            file = self.path / name
            if not file.is_file():
                wrong.append(f"{name} is missing")
            elif sha256_of(file) != expected:
                wrong.append(f"{name} has changed")
        if wrong:
            raise BundleError(f"{self.path}: {', '.join(wrong)}", "export the net again")

    @classmethod
    def check_file(cls, file: FilePath) -> None:
        """Compares a file with its hash in the bundle that it is in, if any.

        Raises:
            BundleError: for a file that has changed, or whose bundle is damaged.
        """
        file = Path(file)
        bundle = cls(file.parent)
        if (bundle.path / _CONTENTS).exists():
            expected = bundle._contents.sha256.get(file.name)
            if expected not in (None, sha256_of(file)):
                raise BundleError(f"{file} has changed since it was exported", "export the net again")

    @property
    def files(self) -> tuple[Path, ...]:
        """The exported files."""
        return tuple(self.path / name for name in self._contents.sha256 if Path(name).suffix in _EXPORTED)

    @property
    def architecture(self) -> Architecture:
        """The net's architecture.

        Raises:
            BundleError: for a bundle that was saved without one.
        """
        if "architecture.json" not in self._contents.sha256:
            raise BundleError(f"{self.path} does not say what the net is", "save it with its architecture")
        return load_json(self.path / "architecture.json", Architecture)

    @property
    def proof(self) -> Proof:
        """The proof of the files.

        Raises:
            BundleError: for a bundle that was saved without one.
        """
        if "parity.json" not in self._contents.sha256:
            raise BundleError(f"{self.path} holds no proof", "make it with export_bundle")
        return load_json(self.path / "parity.json", Proof)

    @property
    def metadata(self) -> Metadata:
        """Labels and preprocessing."""
        return load_json(self.path / "metadata.json", Metadata)

    def network(self) -> nn.Module:
        """The net with its weights, in evaluation mode."""
        network = build_network(self.architecture)
        load_weights(network, self.path / "weights.safetensors")
        return network.eval()

    @property
    def _contents(self) -> Contents:
        if not (self.path / _CONTENTS).is_file():
            raise BundleError(f"{self.path} holds no bundle, or an unfinished one", "export the net again")
        try:
            return load_json(self.path / _CONTENTS, Contents)
        except FormatError as error:
            raise BundleError(error.what, "export the net again") from None


def unchanged_proof(path: FilePath, files: Iterable[Path]) -> Proof | None:
    """The proof of an intact bundle at `path`, if there is one, for those of these files that are unchanged."""
    try:
        proof = Bundle.load(path).proof
    except PnasError:
        return None
    bundle = Bundle(path)
    same = {
        file.name
        for file in files
        if (bundle.path / file.name) in bundle.files and sha256_of(bundle.path / file.name) == sha256_of(file)
    }
    return evolve(proof, files=tuple(one for one in proof.files if one.parity.file in same))


@contextmanager
def staged_bundle(path: FilePath) -> Iterator[Path]:
    """A folder for the files of a bundle, which replaces what is at `path` when the `with` block ends.

    All files in it by then belong to the bundle.
    """
    with replaced_folder(path, own=_own_names(Path(path))) as staged:
        yield staged
        names = sorted(entry.name for entry in staged.iterdir() if entry.is_file())
        save_json(Contents(sha256={name: sha256_of(staged / name) for name in names}), staged / _CONTENTS)


def write_documents(
    folder: Path,
    network: nn.Module,
    metadata: Metadata,
    *,
    architecture: Architecture | None,
    proof: Proof | None,
    sample: Sample | None,
) -> None:
    """Writes a bundle's documents, which describe its exported files.

    Raises:
        ValueError: for weights of another architecture, a label of several lines, and a file that no runtime loads.
    """
    if odd := [label for label in metadata.labels if not label.isprintable()]:
        raise ValueError(f"label {odd[0]!r} cannot stand on a line of labels.txt: give it a printable name")
    files = sorted(entry for entry in folder.iterdir() if entry.suffix in _EXPORTED)
    for name, content in user_documents(metadata, files, proof=proof, sample=sample).items():
        write_atomically(folder / name, content)
    documents = {"architecture.json": architecture, "metadata.json": metadata, "parity.json": proof}
    for name, document in documents.items():
        if document is not None:
            save_json(document, folder / name)
    if metadata.labels:
        write_atomically(folder / "labels.txt", "".join(f"{label}\n" for label in metadata.labels))
    save_weights(network, folder / "weights.safetensors")
    if architecture is not None:
        try:
            load_weights(build_network(architecture), folder / "weights.safetensors")
        except FormatError as error:
            reason = error.what.partition("not the weights of this net: ")[2] or error.what
            raise ValueError(f"the weights are not those of the architecture: {reason}") from None


def _own_names(path: Path) -> set[str]:
    """The names in a folder that belong to its bundle, even a damaged one.

    The user's own files may have such names, so a damaged bundle is recognized only by its metadata.
    """
    recover(path)
    with suppress(OSError, FormatError):
        return {_CONTENTS, *load_json(path / _CONTENTS, Contents).sha256}
    with suppress(OSError, FormatError):
        load_json(path / "metadata.json", Metadata)
        return {_CONTENTS, *_DOCUMENTS, *BUNDLE_FILES}
    return set()
