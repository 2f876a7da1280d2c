"""The command `compare`: two sets of images, or several runs, by what its arguments are."""

from pathlib import Path

from energan.utils.errors import UserError


def compare(
    paths: tuple[str, ...],
    /,
    *,
    network: str = "mobilenetv2",
    weights: str = "",
    size: int = 0,
    split: str = "",
    fake_split: str = "",
    n: int = 0,
    seed: int = 0,
    out: str = "",
    device: str = "auto",
    json: bool = False,
) -> int:
    """Compare two sets of images (REAL FAKE: FID, KID, precision, recall, ...), or two runs or more, on one page.

    Of runs: what differs in their settings, and their metrics; the page has their samples and curves, too. Only --out
    and --json count.

    Args:
        paths: REAL and FAKE, each a folder, .zip, .npz or .parquet of images or a named set; or the folders of runs.
        network: mobilenetv2, mnist (grey digits), inception (pip install 'energan[inception]'), or my.module:Net, which
            takes float32 images (n, 3, h, w) from -1 to 1 and returns features (n, d).
        weights: A .safetensors file for my.module:Net.
        size: Pixels a side that both are brought to; 0: as they are if all have one size, else the smaller side of the
            two sets.
        split: REAL's train, test, validation or all; by default the images held out (test, else validation), else all.
        fake_split: The same of FAKE.
        n: Images of each at most, always the same ones; 0: all.
        seed: Of the sub-samples.
        out: A .html: one page with both sheets and the nearest pairs; of runs, compare.html by default, unless --json.
        device: cpu, cuda, cuda:1, or auto.
        json: Print JSON instead of a table.
    """
    if out and Path(out).suffix.lower() != ".html":
        raise UserError(f"`out` {out}: the page is a .html")
    runs = [path for path in paths if (Path(path) / "run.json").is_file()]
    if not runs and len(paths) != 2:
        raise UserError(f"two sets of images are compared, REAL and FAKE, or two runs or more; got {len(paths)}")
    if runs and len(runs) < len(paths):
        other = next(path for path in paths if path not in runs)
        raise UserError(
            f"{runs[0]} is a run and {other} is not: compare runs with runs, images with images. `energan sample "
            f"{runs[0]} --out DIR` draws a folder of images; `energan evaluate {runs[0]}` measures some"
        )
    if runs:
        if len(runs) < 2:
            raise UserError(f"{runs[0]} is one run: name two or more")
        from energan.commands.compare.runs import compare_runs

        return compare_runs(runs, out, json)
    from energan.commands.compare.images import compare_images
    from energan.metrics.comparison.sets import Asked

    asked = Asked(network, weights, size, (split, fake_split), n, seed, device)
    return compare_images(paths[0], paths[1], asked, out, json)
