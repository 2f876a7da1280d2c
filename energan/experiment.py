"""An experiment: which game, on which images, for how long; a recipe returns it.

Nothing heavy is imported before it is used: the help of the command line reads the recipes.
"""

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple

from energan.utils.errors import UserError
from energan.utils.specification import describe

if TYPE_CHECKING:
    from torch import Tensor

    from energan.data import ImageSet
    from energan.data.batches.captioned import Encode
    from energan.engine.game import Game, Move, Source
    from energan.engine.graphs import Graph

SHOWN = 20_000  # crops that are kept in memory
VOCABULARY = 20_000  # words of captions that run.json has

SETTINGS: dict[str, type] = {  # fields that run.json has as they are
    "steps": int, "batch": int, "seed": int, "save_every": int, "precision": str, "device": str, "compile": bool,
    "ema": dict, "network": str, "microbatches": int, "sync_batch_stats": bool, "graph": str, "deterministic": bool,
    "stop_when_flat": int,
    "balanced": bool,
    "calibration": float,
}  # fmt: skip

DESCRIBED = (  # fields that run.json has as what they were made of
    "game", "source", "prepare", "test", "initialise", "coded", "prepare_any", "crop", "flip", "augment", "classes",
    "sentences", "domains", "withheld", "labels_held",
)  # fmt: skip


class Experiment(NamedTuple):
    """An experiment, as a recipe returns it; nothing is loaded yet.

    system    its name in GAMES
    source    what --data named; prepare(source, split) loads it in the shape that the nets take
    save_every  steps between sample sheets, metrics during training and checkpoints
    network   feature network of the metrics during training (metrics.NETWORKS); "" for none
    test      labelled images to measure a classifier with, where the source has none of its own
    initialise  what is done with the training set before the first step: nets that start from data
    coded     (key, codes of the training images): what a frozen net says of each, as one more key of the batches; of a
        classifier "x": batches hold codes in the place of images
    sentences  (encode, how many together): captions as codes in the batches: data.batches.captioned.Captioned
    balanced  whether a classifier sees each class as often as the largest one
    labels_held  as prepare, for "train": labelled images kept out of the training, that probabilities are calibrated
        on; None: there are none
    domains   whether images without labels are of another domain: they alone are drawn as unlabelled ones
    microbatches, sync_batch_stats  how a batch is divided, here and among ranks: engine.Trainer
    graph     whether steps are replayed as CUDA graphs: engine.graphs.Graphed
    deterministic  whether a GPU's algorithms are to repeat their bits
    stop_when_flat  looks (of save_every steps) without a nearer distance after which training ends; 0: never
    prepare_any  as prepare, for images of others: whatever their classes; None: prepare
    classes   names of those that the game's frozen classifier knows, () for none; None: the images' own
    value_range  what is black and white in the training images, where they have more than eight bits; all others are
        read by it, too: with one, prepare(source, split, value_range=...)
    calibration  share of the source's training images that are never trained on: they say which energies are usual
    crop, flip, augment  how batches show the images: data.Batches; with a crop, images are loaded larger than the nets;
        with ada among the names of `augment`, the game changes what D sees (games.adaptive), and not the batches
    withheld  every so manyth image is not trained on, but in batches as v; 0: none
    """

    game: "Game"
    system: str
    source: str
    prepare: "Callable[[str, str], ImageSet]"
    steps: int
    batch: int
    seed: int
    save_every: int
    network: str
    ema: dict[str, float]
    precision: str
    device: str
    compile: bool
    test: str = ""
    initialise: "Callable[[ImageSet], None] | None" = None
    coded: "tuple[str, Callable[[ImageSet], Tensor]] | None" = None
    microbatches: int = 1
    sync_batch_stats: bool = False
    prepare_any: "Callable[[str, str], ImageSet] | None" = None
    crop: int | None = None
    flip: bool = False
    augment: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None
    value_range: tuple[float, float] | None = None
    graph: "Graph" = "auto"
    deterministic: bool = False
    stop_when_flat: int = 0
    sentences: "tuple[Encode, int] | None" = None
    domains: bool = False
    withheld: int = 0
    balanced: bool = False
    labels_held: "Callable[[str, str], ImageSet] | None" = None
    calibration: float = 0.0

    def reading_as(self, training: "ImageSet") -> "Experiment":
        """The experiment, with all other images read by the range of values of the training images."""
        return self._replace(value_range=training.value_range)

    def _prepared(self, source: str, split: str, prepare: "Callable[..., ImageSet] | None" = None) -> "ImageSet":
        load: Callable[..., ImageSet] = prepare or self.prepare
        if self.value_range is None:
            return load(source, split)
        if "value_range" not in signature(load).parameters:
            raise UserError("the recipe's images have a range of values, which its `prepare` must take: value_range=")
        return load(source, split, value_range=self.value_range)

    def training_set(self) -> "ImageSet":
        """The images that batches are drawn from."""
        return self._parted(1) if self.calibration else self._prepared(self.source, "train")

    def set_apart(self) -> "ImageSet":
        """The images of the source that are never trained on, where `calibration` is above 0."""
        return self._parted(0)

    def _parted(self, part: int) -> "ImageSet":
        """The training images that calibrate (0), or the others (1). UserError where nothing is left of either."""
        from energan.data.image_set import apart, rows_of

        data = self._prepared(self.source, "train")
        return rows_of(data, apart(len(data.images), self.calibration)[part])

    def calibration_set(self, source: str = "") -> "ImageSet | None":
        """Images that were not trained on, to say which energies are usual; None where the source holds none out.

        Of the run's own source, those set apart, where there are such. Else a source's validation images, else its
        test images; of another source without splits, all.
        """
        from energan.data import splits_of
        from energan.data.splits.words import TEST, TRAIN, VALIDATION

        if not source and self.calibration:
            return self.set_apart()
        splits = splits_of(source or self.source)
        split = next((each for each in (VALIDATION, TEST) if each in splits), None)
        if split is None and not source:
            return None
        return self.given(source or self.source, split or TRAIN)

    def shown(self, data: "ImageSet") -> "ImageSet":
        """What the nets see, to look at and to measure by: of images that batches crop, a crop each, 20,000 at most."""
        from energan.data.batches.images import patches
        from energan.data.batches.pairs import pair_patches
        from energan.data.image_set import fixed_subset

        cut = patches if data.targets is None else pair_patches
        return data if self.crop is None else cut(data, self.crop, rows=fixed_subset(len(data.images), SHOWN))

    def changed(self, data: "ImageSet") -> "Tensor | None":
        """The first training images as D sees them, bytes (n, c, h, w); with ada, as it sees the most of them changed.

        None where batches show the images as they are.
        """
        import torch

        from energan.data.diffaugment import ADA, augment_some, changes_of
        from energan.data.pixels import to_bytes
        from energan.engine.rng import stream
        from energan.games.adaptive import MOST

        if data.targets is not None or not (self.crop or self.flip or self.augment):
            return None
        x = self.batches(data)(0)["x"].cpu()
        if ADA in self.augment:
            with stream(torch.tensor(self.seed)):
                x = augment_some(x, torch.tensor(MOST), changes_of(self.augment))
        return to_bytes(x.clamp(-1, 1))

    def pictures(self, split: str) -> "ImageSet":
        """Images and their targets, of "validation" or "test", as the nets see them; `prepare` has both of any source.

        Where the pairs of an unpaired set are known, `paired` is True here, and False of the training set.
        """
        return self.shown(self._prepared(self.source, split))

    def given(self, source: str, split: str) -> "ImageSet":
        """Anyone's images as the nets see them."""
        from energan.data.batches.images import patches

        data = self._prepared(source, split, self.prepare_any)
        return data if self.crop is None else patches(data, self.crop)

    def test_set(self) -> "ImageSet":
        """Real images to measure against: those held out, where the source has such, else the training images."""
        from energan.data import held_out_split

        if self.game.translate is not None:
            return self.pictures("test")
        return self.shown(self._prepared(self.source, held_out_split(self.source) or "train"))

    def held_out(self, classes: tuple[str, ...]) -> "ImageSet | None":
        """Test images with labels, numbered as `classes`: those of `test`, else those that the source holds out.

        `test` is its own held-out split, else all of it. None where there are none, or where the source's have no
        labels. UserError for images of `test` without labels, and for a class that is not among `classes`.
        """
        from energan.data import held_out_split
        from energan.data.labels import in_classes

        if self.test:
            return in_classes(self._prepared(self.test, held_out_split(self.test) or "all"), classes)
        split = held_out_split(self.source)
        data = None if split is None else self._prepared(self.source, split)
        return None if data is None or data.labels is None else in_classes(data, classes)

    def labels_held_set(self) -> "ImageSet | None":
        """Labelled images that were kept out of the training to calibrate probabilities on; None where there are none.

        They are trained on without their labels.
        """
        return None if self.labels_held is None else self._prepared(self.source, "train", self.labels_held)

    def origin(self, training: "ImageSet") -> str:
        """One line: which images are trained on, and which are held out to measure on, with their numbers."""
        from energan.data import held_out_split
        from energan.data.labels import trained_without_labels

        if training.targets is not None:
            told = [f"{name}: {self._prepared(self.source, name).counted}" for name in ("validation", "test")]
            return f"training images: {training.counted}, held out: {'; '.join(told)}"
        split = held_out_split(self.source)
        data = None if split is None or self.test else self._prepared(self.source, split)
        measured = data if self.game.logits is None else self.held_out(training.classes)
        unlabelled = f" ({data.place} has no labels)" if data is not None and measured is None else ""
        seen = trained_without_labels(measured, training) if measured and self.game.logits else 0
        said = f"tested on, {seen} of them trained on without labels" if seen else "held out"
        apart = f", set apart to calibrate: {len(self.set_apart().images)}" if self.calibration else ""
        held = measured.counted if measured else "none"
        return f"training images: {training.counted}, {said}: {held}{unlabelled}{apart}"

    def batches(self, data: "ImageSet") -> "Source":
        """What the game is fed: images; images and targets; labelled ones and others. UserError for no batch."""
        from energan.data.batches.captioned import Captioned
        from energan.data.batches.images import Batches, Coded
        from energan.data.batches.pairs import Pairs
        from energan.data.diffaugment import ADA
        from energan.data.few_labels import LabelledBatches

        if data.targets is not None:
            return Pairs(
                data.images, data.targets, self.batch, self.seed, paired=data.paired, crop=self.crop, flip=self.flip
            )
        if self.game.logits is None:
            batches = Batches(
                data.images, data.labels, self.batch, self.seed, len(data.classes), crop=self.crop, flip=self.flip,
                augment=() if ADA in self.augment else self.augment, withheld=self.withheld,
            )  # fmt: skip
            if self.sentences is not None:
                encode, together = self.sentences
                return Captioned(batches, data.captions, encode, together)
            if self.coded is None:
                return batches
            key, codes = self.coded
            return Coded(batches, key, lambda: codes(data))
        if data.labels is None:
            raise UserError(f"{data.name} has no labels to learn from")
        return LabelledBatches(
            data.images, data.labels, classes=len(data.classes), labelled=self.batch, unlabelled=self.batch,
            seed=self.seed, apart=self.domains, balanced=self.balanced, flip=self.flip, augment=self.augment,
            codes=None if self.coded is None else partial(self.coded[1], data),
        )  # fmt: skip

    def described(self, data: "ImageSet") -> dict[str, Any]:
        """What run.json says of the run, of the training images and of the game."""
        from energan.engine.game import CHAIN_MEANINGS

        players = {
            name: {
                "parameters": sum(w.numel() for w in player.net.parameters()),
                "optimizer": repr(player.optimizer.with_settings(schedule=None)) if player.optimizer else "frozen",
                "net": repr(player.net),
            }
            for name, player in self.game.players.items()
        }
        turns = {turn: [_told(move) for move in moves] for turn, moves in self.game.turns.items()}
        numbers = dict(self.game.hyperparameters)
        return {
            **{name: getattr(self, name) for name in SETTINGS},
            "classes": list(data.classes if self.classes is None else self.classes),
            "experiment": describe({name: getattr(self, name) for name in DESCRIBED}),
            "data": {
                "name": data.name,
                "n": len(data.images),
                "shape": list(data.images.shape[1:]),
                "source": data.source,
                "sha256": data.sha256,
                "value_range": None if data.value_range is None else list(data.value_range),
                "skipped": list(data.skipped),
                **(_attributes(data) if data.attributes is not None else {}),
                **(_targets(data) if data.targets is not None else {}),
                **(_labels(data) if self.game.logits else {}),
                **({"words": _words(data)} if self.sentences else {}),
            },
            "game": {
                "name": self.system,
                "hyperparameters": numbers,
                "players": players,
                "turns": turns,
                "readouts": self.game.readouts,
                "meanings": dict(self.game.meanings),
                **({"conditions": {"kind": self.game.conditions.kind}} if self.game.conditions else {}),
                **(
                    {"codes": self.game.codes.chain._asdict(), "chain_meanings": CHAIN_MEANINGS}
                    if self.game.codes
                    else {}
                ),
            },
        }


def recorded_range(record: Mapping[str, Any]) -> tuple[float, float] | None:
    """What run.json says of the training images' range of values. UserError for what is none."""
    from energan.data.decoding.values import checked_range

    data = record.get("data")
    return checked_range(data.get("value_range") if isinstance(data, dict) else None)


def load_images(source: str, split: str, record: Mapping[str, Any]) -> "ImageSet":
    """The images in the size, channels and range of values of a run's; even of a classifier's they need no labels.

    split: "" is the one that the source holds out, else all of it.
    """
    from energan.data import held_out_split, load

    channels, h, w = record["data"]["shape"]
    split = split or held_out_split(source) or "train"
    return load(source, split, size=h if h == w else (h, w), channels=channels, value_range=recorded_range(record))


def _told(move: "Move") -> str:
    """Who descends and who ascends which objective, as in "min D max k: loss"."""
    goals = [f"{goal} {', '.join(names)}" for goal, names in (("min", move.min), ("max", move.max)) if names]
    objective = move.objective.func if isinstance(move.objective, partial) else move.objective
    return f"{' '.join(goals)}: {getattr(objective, '__name__', 'objective')}"


def _attributes(data: "ImageSet") -> dict[str, Any]:
    """The attributes that a system may be asked for, with their mean and standard deviation in the training images."""
    assert data.attributes is not None
    values = data.attributes.double()
    means, deviations = values.mean(0).tolist(), values.std(0, correction=0).tolist()
    rows = zip(data.attribute_names, means, deviations, strict=True)
    return {"attributes": [{"name": name, "mean": mean, "deviation": deviation} for name, mean, deviation in rows]}


def _targets(data: "ImageSet") -> dict[str, Any]:
    """What images are to become: how many pictures of which shape, and whether each has its own."""
    assert data.targets is not None
    shape = list(data.targets.shape[1:])
    return {"targets": {"n": len(data.targets), "shape": shape, "paired": data.paired}}


def _labels(data: "ImageSet") -> dict[str, Any]:
    """What a classifier was shown: the classes' names, and how many labels each has."""
    from energan.data.image_set import NONE

    assert data.labels is not None  # batches were drawn of them
    known = data.labels[data.labels != NONE]
    return {"classes": list(data.classes), "labels": known.bincount(minlength=len(data.classes)).tolist()}


def _words(data: "ImageSet") -> list[str] | None:
    """The words of the training captions; None of more than can be kept beside a run."""
    from energan.data.batches.captioned import vocabulary

    words = vocabulary(data.captions)
    return sorted(words) if len(words) <= VOCABULARY else None
