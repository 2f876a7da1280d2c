"""Any classifier on the features of a frozen network F: it is played on F(x) and F(u), and read as D(F(x)).

F is a player without an optimizer, so that a checkpoint and an exported classifier have it. It gives features back as
they are (networks.pretrained.FeatureNet): batches hold F(x), computed once.
"""

from torch import nn

from energan.engine.game import Batch, Game, Player
from energan.utils.errors import UserError
from energan.utils.specification import recorded


@recorded
def on_features(game: Game, F: nn.Module) -> Game:
    """The game of a classifier, on features. UserError for a game without logits, or with a player called F.

    Its other readings, such as samples, are of features, and no images: they are left out.
    """
    if game.logits is None or "F" in game.players:
        raise UserError("features are for a classifier that has no player F")
    logits = game.logits
    return Game(
        players={"F": Player(F), **game.players},
        turns=game.turns,
        order=game.order,
        noise=game.noise,
        hyperparameters=game.hyperparameters,
        logits=lambda p, b: logits(p, Batch({"x": p.F(b.x)})),
        meanings={**game.meanings, "F": "the frozen network whose features of an image are learned on"},
    )
