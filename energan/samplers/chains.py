"""What the samplers share: a batch of chains, one per row, none of which another has a part in."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from energan.engine.precision import wide
from energan.utils.errors import UserError

Map = Callable[[Tensor], Tensor]

Bounds = tuple[float | Tensor, float | Tensor]  # lowest and highest: numbers, or one for each unit

# logits (n, classes), classes (n, 1) -> what is climbed, (n, 1); its gradient at the logits
GRADIENTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "log-softmax": lambda a, c: a.log_softmax(1).gather(1, c),  # e_c - p
    "logit": lambda a, c: (1 - a.softmax(1).gather(1, c)).detach() * a.gather(1, c),  # (1 - p_c) e_c
    "activation": lambda a, c: a.gather(1, c),  # e_c
}


class Trace(NamedTuple):
    """What was kept of n chains."""

    steps: Int[Tensor, " k"]  # how many had been taken; the last entry is the end
    codes: Float[Tensor, "k n *d"]
    images: Float[Tensor, "k n *x"] | None = None  # G of the codes, where there is a G


def row_seeds(seed: int, n: int) -> list[int]:
    """A seed for each of n chains. A larger n continues them, so that chains can be run in parts."""
    return torch.randint(2**63 - 1, (n,), generator=torch.Generator().manual_seed(seed)).tolist()


def start(h: Tensor, **numbers: float) -> Tensor:
    """The codes in float32 or wider. UserError unless they, and the numbers, are finite."""
    if h.dim() < 2 or not len(h) or not h.is_floating_point() or not bool(h.isfinite().all()):
        raise UserError(f"chains start from finite floats (n, ...), one row each, not {h.dtype} {tuple(h.shape)}")
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise UserError(f"{name} must be a finite number, not {number}")
    return wide(h.detach()).clone()  # one made in inference mode could not be differentiated


def usable(name: str, f: Map | None) -> Map:
    """f of a copy of its input, which a first layer may overwrite. UserError for none, or a module in training mode."""
    if f is None:
        raise UserError(f"there is no {name}, so its factor must be 0")
    if isinstance(f, nn.Module) and any(m.training for m in f.modules()):
        raise UserError(f"{name} is in training mode, where rows may depend on one another: call its eval() first")
    return lambda x: f(x.clone())


def limits(bounds: Bounds | None, h: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest and highest codes as tensors that broadcast to h; infinite for None."""
    low, high = (torch.as_tensor(b, dtype=h.dtype, device=h.device) for b in bounds or (-math.inf, math.inf))
    if any(b.dim() and b.shape != h.shape[1:] for b in (low, high)) or not bool((low <= high).all()):
        raise UserError("clip takes the lowest and the highest code, each a number or of the shape of one row")
    return low, high


def reading(C: Map, classes: int | Sequence[int] | Tensor, n: int, gradient: str) -> Map:
    """images (n, ...) -> what is climbed towards the classes, by C's logits, (n,)."""
    if gradient not in GRADIENTS:
        raise UserError(f"there is no gradient {gradient!r}; there are {', '.join(GRADIENTS)}")
    wanted = torch.as_tensor(classes)
    if wanted.is_floating_point() or wanted.shape not in ((), (n,)) or int(wanted.min()) < 0:
        raise UserError(f"a class is an integer of at least 0, one for all or one for each of the {n} rows")
    columns, highest = wanted.expand(n)[:, None].long(), int(wanted.max())

    def read(x: Tensor) -> Tensor:
        logits = wide(C(x))
        if logits.dim() != 2 or len(logits) != n or logits.shape[1] <= highest:
            raise UserError(f"C gave {tuple(logits.shape)} for {n} rows, where class {highest} is asked for")
        return GRADIENTS[gradient](logits, columns.to(logits.device)).squeeze(1)

    return read


def noise(h: Tensor, deviation: float, seed: int | Sequence[int]) -> Callable[[], Tensor]:
    """Draws N(0, deviation^2) in the shape of h, each row from a generator of its own."""
    if deviation < 0:
        raise UserError(f"a standard deviation is at least 0, not {deviation:g}")
    seeds = row_seeds(seed, len(h)) if isinstance(seed, int) else seed
    if len(seeds) != len(h):
        raise UserError(f"{len(h)} rows need one seed, or as many, not {len(seeds)}")
    if deviation == 0:
        return lambda: torch.zeros_like(h)
    generators = [torch.Generator(h.device).manual_seed(int(s)) for s in seeds]
    return lambda: deviation * torch.stack([torch.empty_like(h[0]).normal_(generator=g) for g in generators])


def gradient(f: Map, h: Tensor) -> Tensor:
    """df(h_i)/dh_i of every row; f: (n, *d) -> (n,). No other tensor's gradient is touched."""
    h = h.detach().requires_grad_()
    with torch.enable_grad():
        value = f(h)
        total = value.sum()
    if value.shape != (len(h),):
        raise UserError(f"what is climbed must be one number per row, not of shape {tuple(value.shape)}")
    # not torch.func: any classifier may be plugged in, also one that writes in place or has its own autograd functions
    found = torch.autograd.grad(total, h, allow_unused=True)[0] if total.requires_grad else None
    if found is None:
        raise UserError("no gradient reaches the codes: something on the way detaches them or runs without gradients")
    return found


def pull(R: Map, h: Tensor) -> Tensor:
    """R(h) - h."""
    found = R(h)
    if found.shape != h.shape:
        raise UserError(f"R must give codes as it gets them, not {tuple(found.shape)} for {tuple(h.shape)}")
    return found - h


def per_row(v: Tensor, h: Tensor) -> Tensor:
    """(n,) in a shape that broadcasts to the rows of h."""
    return v.view(-1, *[1] * (h.dim() - 1))


def normalised(d: Tensor) -> Tensor:
    """Each row over its mean |d|; a row of zeros stays one."""
    size = d.abs().flatten(1).mean(1).clamp_min(torch.finfo(d.dtype).tiny)
    return d / per_row(size, d)


def between(first: float, last: float, done: float) -> float:
    """On the line from first to last, after a share of it."""
    return first + (last - first) * done


def run(
    step: Callable[[Tensor, float], Tensor], h: Tensor, steps: int, keep: int | None, G: Map | None = None
) -> Trace:
    """h after `steps` steps; a step is given the share of them that is done. UserError where rows end up not finite."""
    if steps < 1 or (keep is not None and keep < 1):
        raise UserError(f"steps and keep are at least 1, not {steps}, {keep}")
    kept = {}
    for t in range(steps):
        if keep and t % keep == 0:
            kept[t] = h
        h = step(h, t / steps)
    kept[steps] = h
    if lost := (~h.isfinite()).flatten(1).any(1).nonzero().flatten().tolist():
        raise UserError(f"chain {lost[0]} left the finite numbers: take a smaller rate, or look at what it climbs")
    images = torch.stack([G(codes) for codes in kept.values()]) if G else None
    return Trace(torch.tensor(list(kept)), torch.stack(list(kept.values())), images)
