"""`energan train --data DIR` without a recipe: what `energan look DIR` advises, as the defaults of all flags."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from energan.utils.errors import UserError

if TYPE_CHECKING:
    from energan.commands.config import Config


def advised_config(images: str, line: Sequence[str] = ()) -> "Config":
    """The recipe and the settings that suit these images; says which they are, and why.

    Args:
        images: A folder, .zip, .npz or .parquet of images, or a named set.
        line: The words of the command line, of which --device counts.

    Raises:
        UserError: They cannot be read, or are too few to train on.
    """
    from energan.commands.config import Config, typed, word_after
    from energan.commands.look.words import warnings
    from energan.data.look import facts as facts_of
    from energan.data.look import look as look_at
    from energan.recipes.advice import advice, out_folder
    from energan.recipes.build import find_recipe
    from energan.utils.arguments import parameters
    from energan.utils.console import complain, say
    from energan.utils.hardware import pick_device

    facts = facts_of(look_at(images, ""))
    advised = advice(facts, pick_device(word_after("--device", line) or "auto"))
    if not advised.recipe:
        raise UserError(f"{images} cannot be trained on: {advised.enough}")
    for sentence in warnings(facts):
        complain(f"warning: {sentence}")
    flags = {word.partition("=")[0] for word in line}
    why = [sentence for sentence in advised.why if sentence.split()[0] not in flags]  # "--classes as well, ..."
    say("\n".join([f"Enough? {advised.enough}", *why]))
    source = "energan look"
    recipe = find_recipe(advised.recipe)
    arguments = parameters(recipe) | typed(recipe, {**advised.arguments, "data": images}, source)
    return Config(source, advised.recipe, arguments, {"out": out_folder(str(facts["name"]))})
