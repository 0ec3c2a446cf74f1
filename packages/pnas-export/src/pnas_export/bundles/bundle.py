"""A net and all that is needed to use it, in one folder that can be read by hand."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import field, frozen
from torch import Tensor, nn

from pnas_export.bundles.metadata import Metadata
from pnas_export.proving.proof import Proof
from pnas_ops import (
    Architecture,
    FilePath,
    FormatError,
    PnasError,
    build_network,
    load_json,
    save_json,
    write_atomically,
)

_CONTENTS = "bundle.json"


class BundleError(PnasError, ValueError):
    """A bundle that is incomplete or changed; the message names the file and the way out."""


@frozen(kw_only=True)
class Contents:
    """The SHA-256 of every file of a bundle, by its name."""

    sha256: dict[str, str]


@frozen(repr=False)
class Bundle:
    """A folder with the exported files, weights.safetensors, labels.txt, metadata.json and, where known, more.

    architecture.json says what the net is, if `pnas_ops` built it; parity.json holds the proof of the files;
    bundle.json holds a hash of everything. `save` makes one, `load` finds one, `check` looks at the hashes.
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
    ) -> "Bundle":
        """Writes a bundle; bundle.json comes last, so that a bundle is whole or not there.

        Args:
            path: the folder; what a bundle had there before is replaced.
            network: with the weights of `architecture`.
            metadata: labels and preprocessing.
            files: exported files, which are copied.
            architecture: what the network is; without it `Bundle.network` cannot rebuild the net.
            proof: of the files.

        Raises:
            ValueError: for two files of one name, and for weights of another architecture.
        """
        from safetensors.torch import save

        path, sources = Path(path), [Path(file) for file in files]
        names = [source.name for source in sources]
        if len(set(names)) != len(names):
            raise ValueError(f"two files of one name cannot stand in one bundle: {', '.join(sorted(names))}")
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
        if architecture is not None:
            _fill(build_network(architecture), weights)
        old = load_json(path / _CONTENTS, Contents).sha256 if (path / _CONTENTS).is_file() else {}
        (path / _CONTENTS).unlink(missing_ok=True)
        documents = {"architecture.json": architecture, "metadata.json": metadata, "parity.json": proof}
        standing = [name for name, document in documents.items() if document is not None]
        for name in standing:
            save_json(documents[name], path / name)
        write_atomically(path / "labels.txt", "".join(f"{label}\n" for label in metadata.labels))
        write_atomically(path / "weights.safetensors", save(weights))
        for source in sources:
            if source.resolve() != (path / source.name).resolve():
                shutil.copyfile(source, path / source.name)
        now = sorted([*standing, "labels.txt", "weights.safetensors", *names])
        for name in old.keys() - set(now):
            (path / name).unlink(missing_ok=True)
        save_json(Contents(sha256={name: _sha256(path / name) for name in now}), path / _CONTENTS)
        return cls(path)

    @classmethod
    def load(cls, path: FilePath) -> "Bundle":
        """The bundle in a folder, with every file as it was saved.

        Raises:
            BundleError: for a folder that holds none, and for a file that is missing or has changed.
        """
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
            elif _sha256(file) != expected:
                wrong.append(f"{name} has changed")
        if wrong:
            raise BundleError(f"{self.path}: {', '.join(wrong)}", "export the net again")

    @property
    def files(self) -> tuple[Path, ...]:
        """The exported files."""
        return tuple(self.path / name for name in self._contents.sha256 if Path(name).suffix in (".onnx", ".tflite"))

    @property
    def architecture(self) -> Architecture:
        """What the net is.

        Raises:
            BundleError: for a bundle that was saved without.
        """
        if "architecture.json" not in self._contents.sha256:
            raise BundleError(f"{self.path} does not say what the net is", "save it with its architecture")
        return load_json(self.path / "architecture.json", Architecture)

    @property
    def proof(self) -> Proof:
        """What was measured of the files.

        Raises:
            BundleError: for a bundle that was saved without.
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
        from safetensors.torch import load_file

        network = build_network(self.architecture)
        _fill(network, load_file(self.path / "weights.safetensors"))
        return network.eval()

    @property
    def _contents(self) -> Contents:
        if not (self.path / _CONTENTS).is_file():
            raise BundleError(f"{self.path} holds no bundle, or one that was never finished", "export the net again")
        try:
            return load_json(self.path / _CONTENTS, Contents)
        except FormatError as error:
            raise BundleError(error.what, "export the net again") from None


def _fill(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"the weights are not those of the architecture: {reason}") from None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
