"""What the samplers share: a batch of independent chains, one per row."""

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

# logits (n, classes), classes (n, 1) -> the class score that chains climb, (n, 1); its gradient at the logits
GRADIENTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "log-softmax": lambda a, c: a.log_softmax(1).gather(1, c),  # e_c - p
    "logit": lambda a, c: (1 - a.softmax(1).gather(1, c)).detach() * a.gather(1, c),  # (1 - p_c) e_c
    "activation": lambda a, c: a.gather(1, c),  # e_c
}


class Trace(NamedTuple):
    """The codes that n chains passed through, those that were kept.

    Attributes:
        steps: How many steps had been taken at each of the k records; the last is the chains' length.
        codes: (k, n, *d).
        images: G of the codes, (k, n, *x); None for a sampler without a generator.

    Example:
        >>> trace = Trace(torch.tensor([2]), torch.zeros(1, 3, 4))
        >>> trace.codes[-1].shape  # where the chains ended
        torch.Size([3, 4])
    """

    steps: Int[Tensor, " k"]
    codes: Float[Tensor, "k n *d"]
    images: Float[Tensor, "k n *x"] | None = None


def row_seeds(seed: int, n: int) -> list[int]:
    """A seed for each of n chains. A larger n starts with the same seeds, so that chains can run in parts."""
    return torch.randint(2**63 - 1, (n,), generator=torch.Generator().manual_seed(seed)).tolist()


def checked_codes(h: Tensor, **factors: float) -> Tensor:
    """A copy of the codes in float32 or wider. UserError unless they and the factors are finite."""
    if h.dim() < 2 or not len(h) or not h.is_floating_point() or not bool(h.isfinite().all()):
        raise UserError(f"chains start from finite floats (n, ...), one row each, not {h.dtype} {tuple(h.shape)}")
    for name, factor in factors.items():
        if not math.isfinite(factor):
            raise UserError(f"{name} must be a finite number, not {factor}")
    return wide(h.detach()).clone()  # a tensor of inference mode cannot be differentiated


def checked_map(name: str, f: Map | None) -> Map:
    """f of a copy of its input, as a first layer may overwrite it. UserError for None and modules in training mode."""
    if f is None:
        raise UserError(f"there is no {name}, so its factor must be 0")
    if isinstance(f, nn.Module) and any(m.training for m in f.modules()):
        raise UserError(f"{name} is in training mode, where rows may depend on one another: call its eval() first")
    return lambda x: f(x.clone())


def clip_limits(bounds: Bounds | None, h: Tensor) -> tuple[Tensor, Tensor]:
    """The lowest and highest codes as tensors that broadcast to h; infinite for None."""
    low, high = (torch.as_tensor(b, dtype=h.dtype, device=h.device) for b in bounds or (-math.inf, math.inf))
    if any(b.dim() and b.shape != h.shape[1:] for b in (low, high)) or not bool((low <= high).all()):
        raise UserError("`clip` takes the lowest code, then the highest, each a number or of the shape of one row")
    return low, high


def class_score(C: Map, classes: int | Sequence[int] | Tensor, n: int, gradient: str) -> Map:
    """Returns images (n, ...) -> the score (n,) that chains climb towards the classes, by C's logits."""
    if gradient not in GRADIENTS:
        raise UserError(f"there is no gradient {gradient!r}; there are {', '.join(GRADIENTS)}")
    indices = torch.as_tensor(classes)
    if indices.is_floating_point() or indices.shape not in ((), (n,)) or int(indices.min()) < 0:
        raise UserError(f"a class is an integer of at least 0, one for all or one for each of the {n} rows")
    columns, highest = indices.expand(n)[:, None].long(), int(indices.max())

    def score(x: Tensor) -> Tensor:
        logits = wide(C(x))
        if logits.dim() != 2 or len(logits) != n or logits.shape[1] <= highest:
            raise UserError(f"C gave {tuple(logits.shape)} for {n} rows, where class {highest} is asked for")
        return GRADIENTS[gradient](logits, columns.to(logits.device)).squeeze(1)

    return score


def row_noise(h: Tensor, deviation: float, seed: int | Sequence[int]) -> Callable[[], Tensor]:
    """Returns a function that draws N(0, deviation^2) in the shape of h, each row from its own generator."""
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
    result = torch.autograd.grad(total, h, allow_unused=True)[0] if total.requires_grad else None
    if result is None:
        raise UserError("no gradient reaches the codes: something on the way detaches them or runs without gradients")
    return result


def prior_step(R: Map, h: Tensor) -> Tensor:
    """R(h) - h."""
    likelier = R(h)
    if likelier.shape != h.shape:
        raise UserError(f"R must give codes as it gets them, not {tuple(likelier.shape)} for {tuple(h.shape)}")
    return likelier - h


def per_row(v: Tensor, h: Tensor) -> Tensor:
    """v (n,) in a shape that broadcasts to the rows of h."""
    return v.view(-1, *[1] * (h.dim() - 1))


def normalised(d: Tensor) -> Tensor:
    """Each row over its mean |d|; a row of zeros stays one."""
    size = d.abs().flatten(1).mean(1).clamp_min(torch.finfo(d.dtype).tiny)
    return d / per_row(size, d)


def interpolate(first: float, last: float, fraction: float) -> float:
    """The number between first and last, after that fraction of the way."""
    return first + (last - first) * fraction


def run_chain(
    step: Callable[[Tensor, float], Tensor], h: Tensor, steps: int, keep: int | None, G: Map | None = None
) -> Trace:
    """Takes `steps` steps from h; `step` receives the codes and the fraction of steps taken so far.

    UserError where rows end up not finite.
    """
    if steps < 1 or (keep is not None and keep < 1):
        raise UserError(f"steps and keep are at least 1, not {steps}, {keep}")
    codes = {}
    for t in range(steps):
        if keep and t % keep == 0:
            codes[t] = h
        h = step(h, t / steps)
    codes[steps] = h
    if lost := (~h.isfinite()).flatten(1).any(1).nonzero().flatten().tolist():
        raise UserError(f"chain {lost[0]} left the finite numbers: take a smaller rate, or look at what it climbs")
    images = torch.stack([G(h) for h in codes.values()]) if G else None
    return Trace(torch.tensor(list(codes)), torch.stack(list(codes.values())), images)
