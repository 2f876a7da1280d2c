"""The command `pull`: a model from elsewhere as a run folder of one's own."""

import shutil
from pathlib import Path

from energan.utils.console import say
from energan.utils.errors import UserError


def pull(model: str, /, *, revision: str = "", out: str = "") -> int:
    """Copy a model from the Hugging Face hub, or a .zip, into a run folder of your own.

    Without --out it goes into the cache folder, from which hf:owner/name is loaded without a network, too.

    Args:
        model: owner/name on the hub, owner/name@revision, or a model.zip.
        revision: A branch, tag or commit of the hub's; by default the newest.
        out: A new folder for it.
    """
    from energan.runs.checkpoints import FOLDER, SHARED, read_checkpoint
    from energan.runs.folder import RunFolder
    from energan.runs.references import PACKED, is_elsewhere, run_folder
    from energan.utils.files import check_free, new_folder

    if out:
        check_free(Path(out))
    packed = model.lower().endswith(PACKED)
    named = model if packed or is_elsewhere(model) else f"hf:{model}"
    if revision:
        if packed or "@" in model:
            raise UserError(f"`revision` {revision}: {model} is one already, leave it out")
        named = f"{named}@{revision}"
    source = RunFolder(run_folder(named))
    saved, record = read_checkpoint(source.checkpoint()), source.record  # refused before anything is written
    if out:
        with new_folder(Path(out)) as hidden:
            for path in sorted(source.path.iterdir()):
                shutil.copyfile(path, hidden / path.name)
            if not saved.slim:
                (hidden / FOLDER).mkdir()
                (hidden / SHARED).replace(hidden / FOLDER / f"{saved.step:06d}.safetensors")
    say(f"{record['recipe']}, step {saved.step}: {out or source.path}")
    say(f"energan sample {out or named} --n 16")
    return 0
