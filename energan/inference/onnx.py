"""Writes a module as an ONNX file and checks its output."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from energan.inference.modules import GeneratorModule
from energan.utils.errors import UserError
from energan.utils.files import write

TOLERANCE = 1e-3  # largest difference of an ONNX output, relative to the output's largest value
HALF_TOLERANCE = 1e-2  # the same where weights are of 16 bits: each is off by up to 2^-11 of itself

FEW = 256  # numbers: a tensor of fewer keeps its 32 bits


def run_and_list_nets(
    module: nn.Module, nets: dict[str, nn.Module], inputs: tuple[Tensor, ...]
) -> tuple[Tensor | tuple[Tensor, ...], set[str]]:
    """The module's output, or outputs, and the names of the nets that took part in it."""
    used: set[str] = set()
    hooks = [net.register_forward_hook(lambda *_, name=name: used.add(name)) for name, net in nets.items()]
    output = module(*inputs)
    for hook in hooks:
        hook.remove()
    return output, used


@contextmanager
def _quiet() -> Iterator[None]:
    """Inside the block, torch's exporter does not list what of torchvision is not installed: nothing here needs it."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def write_onnx(module: nn.Module, inputs: dict[str, Tensor], path: Path, half: bool = False) -> float:
    """Returns the largest difference between ONNX and torch, of a file that it writes with a free batch size.

    A module of several outputs names them in `outputs`; the difference is that of all.

    inputs: some rows of each, by the name that it has in the file, in the order of the module's arguments.
    half: keep weights as 16-bit floats, in half the space; inputs, outputs and all between stay of 32 bits.
    UserError if the difference is above the tolerance, torch cannot write the module, or the extra is not installed.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  # torch's exporter needs it
    except ImportError:
        raise UserError("ONNX needs the extra: pip install 'energan[export]'") from None
    values, free = tuple(inputs.values()), ({0: torch.export.Dim("n")},) * len(inputs)
    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore")  # torch warns of its own code
        try:
            program = torch.onnx.export(
                module, values, dynamo=True, input_names=list(inputs), verbose=False,
                output_names=getattr(module, "outputs", None),
                dynamic_shapes=(free,) if isinstance(module, GeneratorModule) else free,  # its forward takes *noise
            )  # fmt: skip
        except torch.onnx.errors.OnnxExporterError as error:
            reason = " ".join(str(error.__cause__ or error).split())[:200]
            raise UserError(
                f"this run's {path.stem} cannot be written as ONNX ({reason}): export it without"
            ) from error
    assert program is not None

    def fill(temporary: Path) -> None:
        program.save(temporary)
        if half:
            halve_weights(temporary)

    write(path, fill)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    if fixed := [i.name for i in session.get_inputs() if isinstance(i.shape[0], int)]:
        raise UserError(f"{path.name} would take {fixed[0]} in batches of {len(values[0])} alone; please report this")
    more = {name: torch.cat([x, x[:1]]) for name, x in inputs.items()}  # other batches than what was traced
    results = session.run(None, {name: x.numpy() for name, x in more.items()})
    expected = module(*more.values())
    each = expected if isinstance(expected, tuple) else (expected,)
    return max(
        _difference(torch.from_numpy(r), e, path, HALF_TOLERANCE if half else TOLERANCE)
        for r, e in zip(results, each, strict=True)
    )


def halve_weights(path: Path) -> None:
    """Makes 16-bit floats of an ONNX file's weights, each followed by a cast to 32 bits: it is made when it is loaded.

    Tensors of few numbers, and those with a number that 16 bits do not reach (65,504), stay as they are.
    """
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(path))
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(weight)
        if values.size < FEW or not np.abs(values).max() <= np.finfo(np.float16).max:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, str(path))


def _difference(result: Tensor, expected: Tensor, path: Path, tolerance: float) -> float:
    """The largest difference of an output. UserError if it is above the tolerance, relative to the largest value."""
    difference = float((result.double() - expected.double()).abs().max())
    if difference > tolerance * float(expected.double().abs().max()):
        raise UserError(f"{path.name} differs from the model by {difference:.2g}: do not use it; please report this")
    return difference
