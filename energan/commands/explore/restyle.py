"""The command `restyle`: draws what sentences say in the style of an image."""

from pathlib import Path
from typing import TYPE_CHECKING

from energan.commands.explore.flag_types import Texts
from energan.commands.open_run import open_model
from energan.utils.checks import at_least
from energan.utils.console import say
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from energan.inference.model import Model
    from energan.networks.conditional.gan_cls import StyleEncoder


def restyle(
    run: str,
    images: str,
    /,
    *,
    text: Texts = (),
    n: int = 8,
    out: str = "restyled.png",
    checkpoint: str = "",
    device: str = "auto",
    split: str = "",
    encoder_steps: int = 1500,
) -> int:
    """Draw what sentences say in the style of images: G(S(x), words), by an encoder S of style (arXiv:1605.05396).

    S is trained on samples of the checkpoint the first time, and kept in the run folder.

    Args:
        run: The run's folder, of a system that was trained with captions.
        images: An image, a folder, .zip, .npz or .parquet of images, or a named set.
        text: A sentence that says what to draw; again for another sentence, which has the next column of the sheet.
        n: How many images at most, a row each.
        out: A .png: in each row the image, then its style with each sentence.
        checkpoint: "best", a step, or a path; the newest by default.
        device: cpu, cuda, cuda:1, or auto.
        split: train, test, validation or all; by default the images held out (test, else validation), else all.
        encoder_steps: Steps of 64 samples that S is trained for, where the run folder has none of so many.
    """
    import torch

    from energan.commands.open_run import skipped_note
    from energan.experiment import load_images
    from energan.explore.said import codes_of
    from energan.inference.style import restyled
    from energan.runs.folder import RunFolder
    from energan.utils.image_files import save_sheet, usable

    at_least(1, n=n, encoder_steps=encoder_steps)
    folder, sheet = Path(run), usable(Path(out), (".png",))
    if not text:
        raise UserError("give a sentence or more that say what to draw, such as --text 'a red seven'")
    model, record = open_model(folder, "sample", checkpoint, device), RunFolder(folder).record
    codes = codes_of(model, folder, record, text)
    data = load_images(images, split, record)
    say(f"images: {data.counted}")
    S, error = _encoder(model, folder, encoder_steps)
    shown = data.images[:n]
    rows = torch.cat([shown[:, None], restyled(model, S, shown, codes)], 1)
    save_sheet(rows.flatten(0, 1), sheet, columns=rows.shape[1])
    read = f"the encoder’s error of z is {error:.2f}, where 1 is that of one that reads nothing"
    say(f"{len(rows)} images with {len(codes)} sentences in {sheet}; {read}{skipped_note(data)}")
    return 0


def _encoder(model: "Model", folder: Path, steps: int) -> tuple["StyleEncoder", float]:
    """S of the model's generator: the one in the run folder, where it is of these weights and steps, else a new one."""
    from energan.inference.style import encoder_of, trained_encoder
    from energan.utils.files import digest_of, read_weights, write_weights

    weights = {f"{name}/{k}": v.cpu() for name, net in model.nets.items() for k, v in net.state_dict().items()}
    about = {"of": digest_of(weights, {}), "steps": str(steps)}
    path = folder / "style_encoder.safetensors"
    if path.exists():
        tensors, found = read_weights(path)
        if {k: found.get(k) for k in about} == about:
            S = encoder_of(model)
            S.load_state_dict(tensors)
            return S.eval().requires_grad_(False), float(found["error"])
    S, error = trained_encoder(model, steps)
    write_weights(path, S.state_dict(), {**about, "error": repr(error)})
    return S, error
