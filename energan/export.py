"""A run's generator, encoder, energy and classifier for use elsewhere: safetensors with JSON, ONNX (extra `export`)."""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from energan import runs
from energan.errors import UserError
from energan.files import write, write_json, write_weights
from energan.model import Reading, Sampler
from energan.plugged import plugged

TOLERANCE = 1e-3  # largest difference of an ONNX output, relative to the output's largest value


def export(folder: Path, out: Path, checkpoint: str | None, *, onnx: bool) -> str:
    """Writes .safetensors of the parts that the run has, model.json with their shapes (and the classes' names) and, if
    asked, .onnx; says what was written.

    Parts: generator, energy, classifier; where chains draw, the generator takes codes and an encoder gives them.
    """
    model, record = runs.load(folder, checkpoint=checkpoint), runs.read(folder)
    images = torch.rand(2, *record["data"]["shape"]) * 2 - 1
    parts: dict[str, tuple[nn.Module, tuple[Tensor, ...]]] = {}
    if (codes := model.game.codes) is not None:
        h = codes.start(torch.Generator().manual_seed(0), 2)
        for name, read, letter in (("generator", codes.decode, "h"), ("encoder", codes.encode, "x")):
            parts[name] = (Reading(read, letter, model.nets).eval(), (h if letter == "h" else images,))
        parts["classifier"] = (Reading(codes.logits, "x", model.nets).eval(), (images,))
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
        classes = record["data"]["classes"] if codes is None else plugged(model, folder).classes
        described["classifier"]["classes"] = list(classes)
    write_json(out / "model.json", {"recipe": record["recipe"], "arguments": record["arguments"], "parts": described})
    return f"{', '.join(sorted(p.name for p in out.iterdir() if not p.name.startswith('.')))} in {out}"


def _traced(module: nn.Module, nets: dict[str, nn.Module], inputs: tuple[Tensor, ...]) -> tuple[Tensor, set[str]]:
    """The module's output, and the names of the nets that it passed through."""
    used: set[str] = set()
    hooks = [net.register_forward_hook(lambda *_, name=name: used.add(name)) for name, net in nets.items()]
    output = module(*inputs)
    for hook in hooks:
        hook.remove()
    return output, used


def _onnx(module: nn.Module, inputs: tuple[Tensor, ...], path: Path) -> float:
    """Writes an ONNX file with a free batch size; its largest difference from torch. UserError if it is off."""
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  # torch's exporter needs it
    except ImportError:
        raise UserError("ONNX needs the extra: pip install 'energan[export]'") from None
    free = ({0: torch.export.Dim("n")},) * len(inputs)
    names = [f"input{i}" for i in range(len(inputs))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of its own code
        program = torch.onnx.export(
            module, inputs, dynamo=True, input_names=names, verbose=False,
            dynamic_shapes=(free,) if isinstance(module, Sampler) else free,  # its forward takes *noise
        )  # fmt: skip
    assert program is not None
    write(path, program.save)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    result = session.run(None, {i.name: x.numpy() for i, x in zip(session.get_inputs(), inputs, strict=True)})[0]
    expected = module(*inputs)
    difference = float((torch.from_numpy(result) - expected).abs().max())
    if difference > TOLERANCE * float(expected.abs().max()):
        raise UserError(f"{path} differs from the model by {difference:.2g}: do not use it, and please report this")
    return difference
