"""One reader for images of every kind: what a viewer shows, or one line."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
import torch
from PIL import Image
from torch import Tensor

from pnas_apps.images.formats import image_suffixes
from pnas_apps.images.image_file import Box, UnreadableImageError, open_image, read_image

GRADIENT = np.stack(np.broadcast_arrays(np.arange(12)[:, None] * 20, np.arange(16) * 15, 7), axis=2).astype(np.uint8)
GREY = GRADIENT[:, :, 0]
RAMP = np.arange(65536).reshape(256, 256)
"""Every value of 16 bits, which must become the nearest of 8."""
RIGHT = np.array([min(range(256), key=lambda grey: abs(grey * 257 - value)) for value in range(0, 65536, 16)])
"""Of every sixteenth of them, by search."""


def saved(image: Image.Image, suffix: str, folder: Path, **options: Any) -> Tensor:
    path = folder / f"one{suffix}"
    image.save(path, **options)
    with open_image(path) as photo:
        pixels = photo.decode()
        assert pixels.shape[1:] == (photo.height, photo.width)
    return pixels


def channels_last(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)


def on_white(pixels: np.ndarray, alpha: np.ndarray) -> Tensor:
    share = alpha[:, :, None] / 255
    return channels_last(pixels * share + 255 * (1 - share))


def test_files_of_every_kind_come_out_as_rgb(tmp_path: Path) -> None:
    rgb, grey = channels_last(GRADIENT), channels_last(np.repeat(GREY[:, :, None], 3, axis=2))
    assert torch.equal(saved(Image.fromarray(GRADIENT), ".png", tmp_path), rgb)
    assert torch.equal(saved(Image.fromarray(GREY), ".png", tmp_path), grey)
    few = Image.fromarray(GRADIENT).quantize(16)
    assert torch.equal(saved(few, ".png", tmp_path), channels_last(np.array(few.convert("RGB"))))
    one_bit = Image.fromarray(GREY > 100)
    assert torch.equal(saved(one_bit, ".png", tmp_path), channels_last(np.repeat(GREY[:, :, None] > 100, 3, 2) * 255))
    cmyk = saved(Image.fromarray(GRADIENT).convert("CMYK"), ".jpg", tmp_path, quality=100)
    assert (cmyk.float() - rgb.float()).abs().max() < 12


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_of_several_pictures_in_a_file_the_first_counts(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (16, 12), color) for color in ("red", "blue")]
    options = {"lossless": True} if suffix == ".webp" else {}
    pixels = saved(frames[0], suffix, tmp_path, save_all=True, append_images=frames[1:], **options)
    assert torch.equal(pixels, channels_last(np.array(frames[0])))


def test_what_is_transparent_is_seen_on_white(tmp_path: Path) -> None:
    alpha = (np.arange(192).reshape(12, 16)).astype(np.uint8)
    for mode, suffix in (("RGBA", ".png"), ("RGBA", ".tif"), ("LA", ".png")):
        image = Image.fromarray(GRADIENT if mode == "RGBA" else GREY).convert(mode)
        image.putalpha(Image.fromarray(alpha))
        expected = on_white(np.array(image.convert("RGB")), alpha)
        assert (saved(image, suffix, tmp_path).float() - expected).abs().max() <= 1
    stroke = Image.fromarray(np.where(GREY > 100, 1, 0).astype(np.uint8), "L").convert("P")
    stroke.putpalette([0, 0, 0, 0, 0, 0])
    assert torch.equal(
        saved(stroke, ".gif", tmp_path, transparency=0), channels_last(np.repeat(GREY[:, :, None] <= 100, 3, 2) * 255)
    )


@pytest.mark.parametrize(
    ("suffix", "dtype"), [(".png", np.uint16), (".tif", np.uint16), (".tif", np.int32), (".pgm", np.uint16)]
)
def test_16_bits_of_grey_become_the_nearest_8(tmp_path: Path, suffix: str, dtype: type) -> None:
    pixels = saved(Image.fromarray(RAMP.astype(dtype)), suffix, tmp_path)
    assert torch.equal(pixels[0], pixels[1])
    assert torch.equal(pixels[0], pixels[2])
    assert pixels[0].flatten()[::16].tolist() == RIGHT.tolist()
    box = Box(top=128, left=0, height=1, width=256)
    with open_image(tmp_path / f"one{suffix}") as photo:
        assert torch.equal(photo.decode(box), pixels[:, 128:129])


def test_a_tiff_file_in_which_0_is_white_or_a_value_has_12_bits_is_read_so(tmp_path: Path) -> None:
    path = tmp_path / "one.tif"
    Image.fromarray(RAMP.astype(np.uint16)).save(path)
    tag = struct.Struct("<HHIH")
    path.write_bytes(path.read_bytes().replace(tag.pack(262, 3, 1, 1), tag.pack(262, 3, 1, 0)))
    assert (255 - read_image(path)[0]).flatten()[::16].tolist() == RIGHT.tolist()

    values = RAMP[:, :2] % 4096
    packed = b"".join((int(first) << 12 | int(second)).to_bytes(3, "big") for first, second in values)
    Image.fromarray(np.zeros((256, 2), np.uint16)).save(path)
    content = path.read_bytes().replace(tag.pack(258, 3, 1, 16), tag.pack(258, 3, 1, 12))
    path.write_bytes(content[: -4 * 256] + packed + bytes(256))
    grey = read_image(path)[0]
    assert (grey.double() - torch.from_numpy(values * 255 / 4095)).abs().max() <= 0.5


@pytest.mark.parametrize("suffix", [".tif", ".pfm"])
def test_floating_point_grey_of_0_to_1_is_scaled_and_any_other_refused_by_name(tmp_path: Path, suffix: str) -> None:
    values = (np.arange(192).reshape(12, 16) / 191).astype(np.float32)
    expected = channels_last(np.repeat(np.round(values * 255)[:, :, None], 3, axis=2))
    assert torch.equal(saved(Image.fromarray(values), suffix, tmp_path), expected.to(torch.uint8))
    for wrong in (values * 255, values - 0.5, np.where(values > 0.5, np.float32("nan"), values)):
        with pytest.raises(UnreadableImageError, match=r"^floating-point pixels from .* but only 0 to 1 are known$"):
            saved(Image.fromarray(wrong), suffix, tmp_path)
    with pytest.raises(UnreadableImageError, match=r"^grey values from 0 to 100000, but only 0 to 65535 are known$"):
        saved(Image.fromarray(np.array([[0, 100000]], np.int32)), ".tif", tmp_path)


TURNED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda seen: seen,
    2: lambda seen: seen[:, ::-1],
    3: lambda seen: np.rot90(seen, 2),
    4: lambda seen: seen[::-1],
    5: lambda seen: seen.transpose(1, 0, 2),
    6: lambda seen: np.rot90(seen, -1),
    7: lambda seen: np.rot90(seen, 2).transpose(1, 0, 2),
    8: lambda seen: np.rot90(seen, 1),
}
"""What EXIF says of each orientation."""


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".mpo"])
@pytest.mark.parametrize("orientation", TURNED)
def test_images_of_every_orientation_are_turned_the_right_way_up(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    large = GRADIENT.repeat(8, axis=0).repeat(8, axis=1)
    options = {"quality": 100} if suffix in (".jpg", ".webp", ".mpo") else {}
    pixels = saved(Image.fromarray(large), suffix, tmp_path, exif=exif, **options).float()
    expected = channels_last(TURNED[orientation](large)).float()
    assert (pixels - expected).abs().mean() < (4 if options else 1e-9)
    with open_image(tmp_path / f"one{suffix}") as photo:
        part = photo.decode(Box(top=8, left=16, height=32, width=24)).float()
    assert (part - expected[:, 8:40, 16:40]).abs().mean() < (4 if options else 1e-9)


def test_exif_data_that_make_no_sense_cost_nobody_an_image(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    raw = exif.tobytes()
    for position in range(14, len(raw)):
        odd = raw[:position] + b"\xff" + raw[position + 1 :]
        path = tmp_path / "one.jpg"
        Image.fromarray(GRADIENT).save(path, exif=odd)
        assert sorted(read_image(path).shape) == [3, 12, 16]


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_part_of_a_large_photo_is_decoded_at_a_smaller_size(tmp_path: Path, orientation: int) -> None:
    rows, columns = np.mgrid[0:256, 0:320]
    smooth = np.stack([rows * 0.9, columns * 0.7, rows * 0 + 80], axis=2).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(smooth).save(tmp_path / "large.jpg", quality=98, exif=exif)
    box = Box(top=64, left=32, height=128, width=160)
    with open_image(tmp_path / "large.jpg") as photo:
        whole = photo.decode(box)
    with open_image(tmp_path / "large.jpg") as photo:
        small = photo.decode(box, shrink=5.0)
    assert (whole.shape, small.shape) == ((3, 128, 160), (3, 32, 40))
    expected = torch.nn.functional.avg_pool2d(whole.float(), 4)
    assert (small.float() - expected).abs().max() < 4


@pytest.mark.parametrize(
    "suffix", [".png", ".jpg", ".gif", ".webp", ".avif", ".tif", ".bmp", ".ppm", ".jp2", ".tga", ".ico"]
)
def test_a_damaged_file_gives_its_pixels_or_one_line(tmp_path: Path, suffix: str) -> None:
    generator = np.random.default_rng(0)
    path = tmp_path / f"one{suffix}"
    Image.fromarray(generator.integers(256, size=(16, 16, 3), dtype=np.uint8)).save(path)
    whole, lines = path.read_bytes(), []
    for number in range(60):
        damaged = bytearray(whole[: generator.integers(len(whole))] if number % 3 == 0 else whole)
        for position in generator.integers(min(len(damaged), 80) or 1, size=number % 4) if damaged else ():
            damaged[position] ^= generator.integers(1, 256)
        path.write_bytes(damaged)
        try:
            assert read_image(path).dtype == torch.uint8
        except UnreadableImageError as error:
            lines.append(str(error))
    assert len(lines) >= 10
    assert all(line and "\n" not in line for line in lines)


def test_decoding_at_an_eighth_finds_a_cut_photo_as_decoding_it_whole_does(tmp_path: Path) -> None:
    path, answers = tmp_path / "one.jpg", set()
    for progressive in (False, True):
        Image.effect_noise((80, 64), 60).convert("RGB").save(path, progressive=progressive)
        whole = path.read_bytes()
        for left in (*range(300, len(whole), 97), *range(len(whole) - 6, len(whole) + 1)):
            path.write_bytes(whole[:left])
            found = []
            for shrink in (1.0, 8.0):
                try:
                    with open_image(path) as photo:
                        photo.decode(shrink=shrink)
                    found.append("whole")
                except UnreadableImageError:
                    found.append("cut")
            answers.add(tuple(found))
    assert answers == {("whole", "whole"), ("cut", "cut")}


def test_what_is_no_image_is_said(tmp_path: Path) -> None:
    drawing = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
    for name, content in (("empty.jpg", b""), ("text.jpg", b"not a picture"), ("drawing.png", drawing)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableImageError, match=r"^not an image, or an unknown format$"):
            read_image(tmp_path / name)
    with pytest.raises(UnreadableImageError, match=r"^No such file or directory$"):
        read_image(tmp_path / "nowhere.png")
    with pytest.raises(UnreadableImageError, match=r"^Is a directory$"):
        read_image(str(tmp_path))


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "bomb.pbm").write_bytes(b"P4 60000 60000\n")
    with pytest.raises(UnreadableImageError, match="exceeds limit"):
        read_image(tmp_path / "bomb.pbm")


def test_an_image_is_what_it_holds_whatever_its_name_says(tmp_path: Path) -> None:
    Image.fromarray(GRADIENT).save(tmp_path / "one.jpg", format="png")
    assert torch.equal(read_image(tmp_path / "one.jpg"), channels_last(GRADIENT))


def test_a_phones_heic_is_read(tmp_path: Path) -> None:
    large = GRADIENT.repeat(8, axis=0).repeat(8, axis=1)
    pillow_heif.from_pillow(Image.fromarray(large)).save(tmp_path / "one.heic", quality=90)
    assert ".heic" in image_suffixes()
    assert (read_image(tmp_path / "one.heic").float() - channels_last(large).float()).abs().mean() < 4
