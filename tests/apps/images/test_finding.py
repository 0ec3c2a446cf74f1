"""What is an image in a folder, what is none, and what is said of it."""

import os
import socket
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from pnas_apps.ground.errors import UserError
from pnas_apps.images.finding import find_images, skipped_line


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images, two of which have the same name, in two sub-folders."""
    folder = tmp_path / "ants"
    for name in ("a.png", "march/a.png", "march/deep/b.JPG"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2)).save(folder / name)
    return folder


def add(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_sub_folders_are_searched_too(folder: Path) -> None:
    found = find_images(folder)
    assert (found.names, found.skipped) == (["a.png", "march/a.png", "march/deep/b.JPG"], Counter())


def test_what_is_no_image_is_counted_by_what_it_is(folder: Path) -> None:
    add(folder, "._a.png", ".DS_Store", "march/._b.jpg", "Thumbs.db", "march/Thumbs.db", "desktop.ini", "notes.txt")
    add(folder, "paper.PDF", "march/film.mpg", "drawing.eps", "README", "numbers.h5")
    add(folder, "__MACOSX/a.png", "march/@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg", ".git/x.png")
    found = find_images(folder)
    assert found.names == ["a.png", "march/a.png", "march/deep/b.JPG"]
    assert found.skipped == {
        "hidden": 3,
        ".db": 2,
        ".ini": 1,
        ".txt": 1,
        ".pdf": 1,
        ".mpg": 1,
        ".eps": 1,
        ".h5": 1,
        "without a suffix": 1,
        "in a folder __MACOSX": 1,
        "in a folder @eaDir": 1,
        "hidden folders": 1,
    }
    assert skipped_line(found.skipped).startswith("15 other files (3 hidden, 2 .db, ")
    assert skipped_line(found.skipped).endswith(", and others)")


def test_heic_is_left_out_with_what_reads_it_where_the_library_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(folder, "IMG_1.HEIC", "march/IMG_2.heic")
    assert len(find_images(folder).names) == 5
    monkeypatch.setattr("pnas_apps.images.finding.image_suffixes", lambda: frozenset({".png", ".jpg"}))
    found = find_images(folder)
    assert len(found.names) == 3
    assert skipped_line(found.skipped) == "2 other files (2 .heic, readable after uv pip install pillow-heif)"


def test_a_pipe_and_a_socket_keep_nobody_waiting(folder: Path) -> None:
    os.mkfifo(folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "socket.png"))
        found = find_images(folder)
    assert (len(found.names), found.skipped) == (3, {"pipes, sockets or devices": 2})


def test_links_are_followed_once_and_one_to_nothing_is_left_to_be_told(folder: Path) -> None:
    (folder / "march" / "up").symlink_to(folder)
    (folder / "again").symlink_to(folder / "march" / "deep")
    (folder / "self.png").symlink_to(folder / "self.png")
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "link.png").symlink_to(folder / "a.png")
    found = find_images(folder)
    assert found.names == ["a.png", "again/b.JPG", "gone.jpg", "link.png", "march/a.png", "self.png"]
    assert found.skipped == Counter()


def test_a_link_to_what_a_folder_is_in_is_not_followed(folder: Path) -> None:
    found = find_images(folder).names
    (folder / "march" / "out").symlink_to(folder.parent)
    (folder.parent / "other").mkdir()
    (folder.parent / "other" / "b.png").touch()
    assert find_images(folder).names == found


def test_a_folder_without_images_is_refused_with_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no images: add some or remove the folder$"):
        find_images(tmp_path)
    add(tmp_path, "a.pdf", "b.pdf", "c.txt")
    with pytest.raises(UserError, match=r"no images, but 3 other files \(2 \.pdf, 1 \.txt\): add some or remove"):
        find_images(tmp_path)
    with pytest.raises(UserError, match=r"nowhere/? cannot be read \(No such file or directory\)"):
        find_images(tmp_path / "nowhere")


def test_a_name_that_is_no_utf8_is_found(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    add(folder, name)
    assert name in find_images(folder).names
