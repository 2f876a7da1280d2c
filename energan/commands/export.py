"""The command `export`: generator, encoder, energy and classifier as safetensors, JSON and ONNX."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from energan.commands.explore.guided_run import open_guided_run
from energan.inference.modules import ReadoutModule
from energan.inference.onnx import _onnx, _traced
from energan.runs.folder import RunFolder
from energan.runs.rebuild import load as load_model
from energan.utils.console import say
from energan.utils.files import write_json, write_weights


def write_export(folder: Path, out: Path, checkpoint: str | None, *, onnx: bool) -> str:
    """Writes .safetensors of the parts that the run has, model.json with their shapes (and the classes' names) and, if
    asked, .onnx; says what was written.

    Parts: generator, energy, classifier; where chains draw, the generator takes codes and an encoder gives them.
    """
    model, record = load_model(folder, checkpoint=checkpoint), RunFolder(folder).record
    images = torch.rand(2, *record["data"]["shape"]) * 2 - 1
    parts: dict[str, tuple[nn.Module, tuple[Tensor, ...]]] = {}
    if (codes := model.game.codes) is not None:
        h = codes.start(torch.Generator().manual_seed(0), 2)
        for name, read, letter in (("generator", codes.decode, "h"), ("encoder", codes.encode, "x")):
            parts[name] = (ReadoutModule(read, letter, model.nets).eval(), (h if letter == "h" else images,))
        parts["classifier"] = (ReadoutModule(codes.logits, "x", model.nets).eval(), (images,))
    if model.game.sample is not None:
        parts["generator"] = (model.generator, tuple(model.noise(2, torch.Generator().manual_seed(0))))
    if model.game.energy is not None:
        parts["energy"] = (model.energy, (images,))
    if model.game.logits is not None:
        parts["classifier"] = (model.classifier, (images,))
    described: dict[str, dict[str, Any]] = {}
    for name, (module, inputs) in parts.items():
        output, used = _traced(module, model.nets, inputs)
        weights = {k: w for k, w in module.state_dict().items() if k.split(".")[1] in used}  # "nets.G.net.0.weight"
        write_weights(out / f"{name}.safetensors", weights, {"format": "1", "part": name})
        described[name] = {"inputs": [list(x.shape[1:]) for x in inputs], "output": list(output.shape[1:])}
        if onnx:
            described[name]["largest difference"] = [_onnx(module, inputs, out / f"{name}.onnx")]
    if "classifier" in described:
        classes = record["data"]["classes"] if codes is None else open_guided_run(model, folder).classes
        described["classifier"]["classes"] = list(classes)
    write_json(out / "model.json", {"recipe": record["recipe"], "arguments": record["arguments"], "parts": described})
    return f"{', '.join(sorted(p.name for p in out.iterdir() if not p.name.startswith('.')))} in {out}"


def export(run: str, /, *, out: str = "export", checkpoint: str = "", onnx: bool = False) -> int:
    """Write a run's generator, encoder, energy and classifier as safetensors with JSON, and as ONNX.

    Args:
        run: The run's folder.
        out: The folder to write to.
        checkpoint: "best", a step, or a path; the newest by default.
        onnx: Also write each part as .onnx, and compare its output (extra `export`).
    """
    from energan.commands.export import write_export as write

    say(write(Path(run), Path(out), checkpoint or None, onnx=onnx))
    return 0
