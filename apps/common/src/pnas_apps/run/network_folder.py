"""The folder of one of a run's nets."""

from pathlib import Path

from pnas_apps.run.file_hashes import FileHashes


class NetworkFolder:
    """Paths of one net: what it is, its weights, and the files that ship.

    Attributes:
        path: the folder.
        files: what is known of the files of the run.
    """

    def __init__(self, path: Path, files: FileHashes) -> None:
        self.path = path
        self.files = files
        self.architecture = path / "architecture.json"
        self.checkpoint = path / "training.pt"
        self.history = path / "history.jsonl"
        self.weights = path / "weights.safetensors"
        self.int8_weights = path / "weights-int8.safetensors"

    def file(self, name: str) -> Path:
        """An exported file, by the name that it has in a bundle."""
        return self.path / name
