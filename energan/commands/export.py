"""The command `export`: generator, encoder, energy, classifier and translations as safetensors, JSON and ONNX."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from energan.utils.console import say

if TYPE_CHECKING:
    from collections.abc import Collection

    from torch import Tensor, nn

    from energan.inference.model import Model


def export(run: str, /, *, out: str = "export", checkpoint: str = "", onnx: bool = False, half: bool = False) -> int:
    """Write a run's generator, encoder, energy, classifier and translations as safetensors with JSON, and as ONNX.

    With the energy of a run that was calibrated go score, outlier and, where there is one, the map.

    Args:
        run: The run's folder.
        out: The folder to write to, a new one.
        checkpoint: "best", a step, or a path; the newest by default.
        onnx: Also write each part as .onnx, and compare its output (extra `export`).
        half: Keep the weights of the .onnx files as 16-bit floats, in half the space, such as for a browser; what goes
            in and out stays of 32 bits.
    """
    from energan.explore.guided_run import open_guided_run
    from energan.inference.modules import VerdictModule
    from energan.inference.onnx import run_and_list_nets, write_onnx
    from energan.runs.calibration import calibration_of
    from energan.runs.folder import RunFolder
    from energan.runs.reader import mapping, sequence
    from energan.runs.rebuild import load
    from energan.utils.errors import UserError
    from energan.utils.files import check_free, new_folder, write_json, write_weights

    if half and not onnx:
        raise UserError("`half` is of .onnx files: add `onnx`")
    source, target = Path(run), Path(out)
    check_free(target)
    model, record = load(source, checkpoint=checkpoint or None), RunFolder(source).record
    shape = model.shape or tuple(record["data"]["shape"])
    channels = sequence(mapping(record["data"].get("targets")).get("shape"))[:1]
    targets = (int(str(channels[0])), *shape[1:]) if channels else None
    with new_folder(target) as folder:
        descriptions: dict[str, dict[str, Any]] = {}
        parts = _parts(model, shape, targets)
        usual = calibration_of(source, RunFolder(source).checkpoint(checkpoint)) if "energy" in parts else None
        if usual is not None:
            verdict = VerdictModule(model.game, model.nets, usual.normal.energies, usual.threshold).eval()
            parts["energy"] = (verdict, parts["energy"][1])
        for name, (module, inputs) in parts.items():
            output, used = run_and_list_nets(module, model.nets, tuple(inputs.values()))
            weights = {
                k: w for k, w in module.state_dict().items() if not k.startswith("nets.") or k.split(".")[1] in used
            }  # "nets.G.net.0.weight"
            write_weights(folder / f"{name}.safetensors", weights, {"format": "1", "part": name})
            shapes = {letter: list(x.shape[1:]) for letter, x in inputs.items()}
            descriptions[name] = {"inputs": shapes}
            if isinstance(output, tuple):
                assert isinstance(module, VerdictModule)
                named = zip(module.outputs, output, strict=True)
                descriptions[name]["outputs"] = {letter: list(x.shape[1:]) for letter, x in named}
            else:
                descriptions[name]["output"] = list(output.shape[1:])
            if onnx:
                descriptions[name]["largest difference"] = [write_onnx(module, inputs, folder / f"{name}.onnx", half)]
        if usual is not None:
            descriptions["energy"]["calibration"] = usual.summary()
        if "classifier" in descriptions:
            by_chains = model.game.codes is not None
            classes = open_guided_run(model, source).classes if by_chains else record["data"]["classes"]
            descriptions["classifier"]["classes"] = list(classes)
            descriptions["classifier"]["temperature"] = model.temperature  # its logits are divided by it already
        if "generator" in descriptions and model.game.codes is None:
            descriptions["generator"] |= _of_noise(model, descriptions["generator"]["inputs"], record["classes"])
        about = {"recipe": record["recipe"], "arguments": record["arguments"], "parts": descriptions}
        write_json(folder / "model.json", about)
    say(f"{', '.join(sorted(p.name for p in target.iterdir()))} in {target}")
    return 0


def _of_noise(model: "Model", inputs: "Collection[str]", names: list[str]) -> dict[str, Any]:
    """What is said of a generator of noise: the distribution of each noise among its inputs, and its classes."""
    from energan.explore.class_names import class_names

    noise = {name: each._asdict() for name, each in model.distributions.items() if name in inputs}
    return {"noise": noise, **({"classes": list(class_names(names, model.classes))} if model.classes else {})}


def _parts(
    model: "Model", shape: tuple[int, ...], targets: tuple[int, ...] | None
) -> "dict[str, tuple[nn.Module, dict[str, Tensor]]]":
    """The parts that the model has, each as a module with inputs for two rows, by their letters in the equations.

    generator, energy, classifier; where chains draw, the generator takes codes, and an encoder gives them; "translation
    xy" of a system that makes pictures of pictures. Noise that a part does not read is no input.

    targets: channels, height and width of what training images are to become.
    """
    import torch

    from energan.inference.modules import ReadoutModule, generator_of_what_it_reads
    from energan.inference.pictures.translation import FIRST, of_what_it_reads

    game, images = model.game, torch.rand(2, *shape) * 2 - 1
    parts: dict[str, tuple[nn.Module, dict[str, Tensor]]] = {}
    if (space := game.codes) is not None:
        h = space.start(torch.Generator().manual_seed(0), 2)
        for name, read, letter, values in (
            ("generator", space.decode, "h", h),
            ("encoder", space.encode, "x", images),
            ("classifier", space.logits, "x", images),
        ):
            parts[name] = (ReadoutModule(read, letter, model.nets).eval(), {letter: values})
    if game.sample is not None:
        noise = model.noise(2, torch.Generator().manual_seed(0))
        generator, values_read = generator_of_what_it_reads(game, model.nets, noise)
        parts["generator"] = (generator, dict(zip(generator.inputs, values_read, strict=True)))
    if game.energy is not None:
        parts["energy"] = (model.energy, {"x": images})
    if game.logits is not None:
        parts["classifier"] = (model.classifier, {"x": images})
    for way in game.translate or {}:
        x = images if way == FIRST or targets is None else torch.rand(2, *targets) * 2 - 1
        parts[f"translation {way}"] = of_what_it_reads(game, model.nets, way, x)
    return parts
