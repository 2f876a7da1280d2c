"""The command `studio`: pages in a browser to train, watch and use what was trained."""

from energan.utils.checks import at_least, not_negative
from energan.utils.console import say
from energan.utils.errors import UserError
from energan.utils.files import user_path


def studio(
    *, runs: str = "runs", port: int = 7860, data: tuple[str, ...] = (), at_once: int = 1, device: str = "cpu"
) -> int:
    """Serve pages in a browser, to this machine alone: train, watch, draw, judge, label.

    Args:
        runs: The folder of runs.
        port: The port; 0 for any that is free.
        data: Folders with images that the pages may read, besides those that are dropped on them.
        at_once: Trainings at a time; others wait for their turn.
        device: Where models draw and score: cpu, cuda, cuda:1, or auto.
    """
    from energan.studio.server import serve
    from energan.utils.hardware import pick_device

    not_negative(port=port)
    at_least(1, at_once=at_once)
    folders = tuple(user_path(path) for path in data)
    if absent := [str(path) for path in folders if not path.exists()]:
        raise UserError(f"`data` {absent[0]} is not there: name folders of images")
    serve(
        user_path(runs), port=port, data=folders, at_once=at_once, device=str(pick_device(device)),
        ready=lambda link: say(f"the studio, for you alone: {link}\nCtrl-C ends it; trainings go on"),
    )  # fmt: skip
    return 0
