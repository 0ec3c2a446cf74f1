"""Photos that are read once before a run begins, and not again while they stay as they are."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pnas_apps.ground.cache import Cache
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.unreadable import UnreadableImage
from pnas_apps.photos import checking
from pnas_apps.photos.checking import find_unreadable
from pnas_apps.photos.photo_set import find_photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of 70 and 3 photos of 8 x 8 pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    for name, count in (("ants", 70), ("bees", 3)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(count):
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{index:02}.jpg")
    return tmp_path / "photos"


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the photos that are opened, as they are."""
    names: list[str] = []
    real = checking.open_image

    def noted(path: Path) -> object:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(checking, "open_image", noted)
    return names


def unreadable_of(folder: Path, reporter: Reporter) -> list[tuple[int, UnreadableImage]]:
    photos = find_photos(folder, reporter=reporter)
    return find_unreadable(photos, workers=0, cache=Cache(folder.parent / "cache"), reporter=reporter)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-60])


def test_all_unreadable_photos_are_found(folder: Path, reporter: Reporter) -> None:
    cut(folder / "ants" / "69.jpg")
    (folder / "ants" / "03.jpg").write_text("none")
    (folder / "bees" / "01.jpg").unlink()
    (folder / "bees" / "01.jpg").symlink_to("nowhere")
    alone = unreadable_of(folder, reporter)
    assert [(index, image.path.name) for index, image in alone] == [(3, "03.jpg"), (69, "69.jpg"), (71, "01.jpg")]
    assert [alone[0][1].reason, alone[2][1].reason] == [
        "not an image, or an unknown format",
        "No such file or directory",
    ]


def test_a_photo_is_read_again_only_after_it_changed_or_failed(
    folder: Path, reporter: Reporter, looked_at: list[str]
) -> None:
    cut(folder / "bees" / "02.jpg")
    assert [index for index, _ in unreadable_of(folder, reporter)] == [72]
    assert len(looked_at) == 73
    looked_at.clear()
    assert [index for index, _ in unreadable_of(folder, reporter)] == [72]
    assert looked_at == ["02.jpg"]
    looked_at.clear()
    (folder / "bees" / "02.jpg").unlink()
    os.utime(folder / "ants" / "05.jpg", ns=(1, 1))
    cut(folder / "ants" / "07.jpg")
    assert [index for index, _ in unreadable_of(folder, reporter)] == [7]
    assert looked_at == ["05.jpg", "07.jpg"]


def test_what_was_read_before_an_interruption_is_remembered(
    folder: Path, reporter: Reporter, looked_at: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = checking.open_image

    def interrupted(path: Path) -> object:
        if path.parent.name == "bees":
            raise KeyboardInterrupt
        return real(path)

    with monkeypatch.context() as stopped:
        stopped.setattr(checking, "open_image", interrupted)
        with pytest.raises(KeyboardInterrupt):
            unreadable_of(folder, reporter)
    looked_at.clear()
    assert unreadable_of(folder, reporter) == []
    assert len(looked_at) == 73 - 64  # a part was done


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]", b'{"prints": 3}'])
def test_a_damaged_record_costs_nothing_but_time(
    folder: Path, reporter: Reporter, looked_at: list[str], content: bytes
) -> None:
    unreadable_of(folder, reporter)
    (record,) = (folder.parent / "cache" / "photos").iterdir()
    record.write_bytes(content)
    looked_at.clear()
    assert unreadable_of(folder, reporter) == []
    assert len(looked_at) == 73


def test_a_cache_that_cannot_be_written_is_done_without(folder: Path, reporter: Reporter) -> None:
    (folder.parent / "cache").write_text("a file in its place")
    cut(folder / "ants" / "00.jpg")
    assert [index for index, _ in unreadable_of(folder, reporter)] == [0]
