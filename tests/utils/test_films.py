"""Videos: by a real encoder where one is installed, and by scripts that stand in for one."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from energan.utils.errors import UserError
from energan.utils.films import write_video

COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (10, 200, 150))


def coloured(frames: int, c: int, h: int, w: int) -> Tensor:
    """A film whose frames have one colour each."""
    colours = torch.tensor(COLOURS, dtype=torch.uint8)[:, :c]
    return torch.stack([colours[i % len(COLOURS)].view(c, 1, 1).expand(c, h, w) for i in range(frames)])[None]


@pytest.mark.parametrize(
    ("frames", "c", "h", "w", "size"),
    [
        (200, 1, 28, 28, (112, 112)),
        (6, 3, 27, 31, (124, 108)),
        (6, 3, 1, 1, (4, 4)),
        (1, 3, 64, 64, (256, 256)),
        (2, 3, 181, 257, (771, 543)),
        (3, 3, 721, 1025, (1025, 721)),
    ],
)
def test_a_video_shows_the_frames_in_their_colours(
    tmp_path: Path, frames: int, c: int, h: int, w: int, size: tuple[int, int]
) -> None:
    encoder = pytest.importorskip("imageio_ffmpeg", reason="needs energan[video]")
    film = coloured(frames, c, h, w)
    path = write_video(film, tmp_path / "x.mp4")
    assert [left.name for left in tmp_path.iterdir()] == ["x.mp4"]
    width, height = (side + side % 2 for side in size)
    decode = [encoder.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    decoded = subprocess.run(decode, capture_output=True, check=True)
    about = decoded.stderr.decode().partition("Output")[0]
    assert f", {width}x{height}" in about
    assert "smpte170m" in about  # else players guess which colours are meant
    seen = np.frombuffer(decoded.stdout, np.uint8).reshape(-1, height, width, 3)
    assert len(seen) == frames
    for page, given in zip(seen, film[0], strict=True):  # to the last pixel: nothing dark at an edge
        assert np.abs(page.astype(int) - given[:, 0, 0].expand(3).numpy()).max() <= 3


def stand_in(monkeypatch: pytest.MonkeyPatch, path: Path, script: str) -> None:
    """Makes a Python script the encoder; its last argument is the file that it is to write."""
    path.write_text(f"#!{sys.executable}\nimport sys, time\ntarget = sys.argv[-1].removeprefix('file:')\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", SimpleNamespace(get_ffmpeg_exe=lambda: str(path)))


def test_an_encoder_gets_even_sizes_in_colour_and_all_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = "open(target, 'wb').write(sys.argv[sys.argv.index('-s') + 1].encode() + b'\\n' + sys.stdin.buffer.read())"
    stand_in(monkeypatch, tmp_path / "encoder", copy)
    films = torch.arange(2 * 3 * 303 * 605).remainder(251).to(torch.uint8).view(2, 3, 1, 303, 605)
    size, _, pixels = write_video(films, tmp_path / "x.mp4").read_bytes().partition(b"\n")
    assert size == b"1210x304"
    seen = np.frombuffer(pixels, np.uint8).reshape(3, 304, 1210, 3)
    assert (seen[:, :303] == torch.cat([*films], -1).permute(0, 2, 3, 1).numpy()).all()
    assert (seen[:, 303] == seen[:, 302]).all()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("sys.exit('[x264] first\\n[out] No space left on device')", r"x\.mp4: \[out\] No space left on device"),
        ("sys.stdin.buffer.read()", "the encoder wrote nothing"),
        ("open(target, 'wb').write(b'half'); sys.exit(1)", "the encoder wrote nothing"),
    ],
)
def test_an_encoder_that_fails_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    stand_in(monkeypatch, tmp_path / "encoder", script)
    with pytest.raises(UserError, match=f"{said}; write a .gif"):
        write_video(coloured(50, 3, 64, 64), tmp_path / "x.mp4")
    assert [left.name for left in tmp_path.iterdir()] == ["encoder"]


def test_an_encoder_that_cannot_be_started_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, tmp_path / "encoder", "")
    (tmp_path / "encoder").chmod(0o644)
    with pytest.raises(UserError, match="cannot write the video"):
        write_video(coloured(1, 3, 8, 8), tmp_path / "x.mp4")


def test_a_video_that_is_interrupted_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    began = tmp_path / "began"
    late = f"open({str(began)!r}, 'w'); time.sleep(0.5); open(target, 'w').write('late'); time.sleep(60)"
    stand_in(monkeypatch, tmp_path / "encoder", late)

    def interrupt() -> None:
        while not began.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        write_video(coloured(2, 3, 8, 8), tmp_path / "out" / "x.mp4")
    time.sleep(1)
    assert not list((tmp_path / "out").iterdir())
