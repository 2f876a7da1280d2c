"""EBGAN under eight margins (arXiv:1609.03126, figure 9), trained as one batched program.

    python -m reproductions.figure9 --steps 2000 --out runs/figure9

m = 1, 2, 4, 6, 8, 12, 16, 32 with nLayerG 5, nLayerD 2, sizeD 1024, no dropout, Adam .001 (the paper's sizeG is 1600;
--size-g sets it). All models share the seed of their weights and the order of their data: only m differs. The command
again goes on where it stopped; the picture has a row for each margin. It is a part of reproductions.campaign.
"""

from typing import Any

from reproductions.campaign.entry import Conditions, Entry, images_of
from reproductions.campaign.images import Drawn, of_samples
from reproductions.campaign.play import play_alone

MARGINS = (1, 2, 4, 6, 8, 12, 16, 32)
OPEN = "the paper states neither batch, z nor length: batch 128, z 100, Adam's beta1 .5; one seed"
TOY = {"data": "digits", "size_g": 16, "size_d": 16, "z": 8, "batch": 16}


def by_margin(number: int) -> dict[str, Any]:
    return {"margin": float(number)}


def entries(where: Conditions, steps: int = 100_000, size_g: int = 1600) -> list[Entry]:
    settings: dict[str, Any] = {
        "recipe": "ebgan-mnist", "data": "mnist", "layers_g": 5, "layers_d": 2, "size_g": size_g, "size_d": 1024,
        "z": 100, "batch": 128, "lr": 1e-3, "pt": 0.0, "seed": 0, "precision": "fp32",
    }  # fmt: skip
    settings |= TOY if where.toy else {}
    arguments = {k: v for k, v in settings.items() if k != "recipe"} | {"steps": steps}
    samples = 64 if where.toy else 5_000
    measure = of_samples(samples, "mnist")
    return [
        Entry(
            name="figure9",
            table="EBGAN's figure 9: margins",
            about="EBGAN",
            steps=steps,
            seeds=MARGINS,
            settings={**settings, "samples": samples},
            build=Drawn("ebgan-mnist", arguments, by_margin, measure, samples, "mnist", together=True).models,
            shown=("D/E(x)", "D/E(G(z))", "MNIST-I", "MNIST-IS", "MNIST-FID", "digits covered"),
            together=True,
            axis="margin",
            looks=2,
            published="pictures only",
            open=OPEN,
            needs=images_of(settings["data"]),
        )
    ]


if __name__ == "__main__":
    play_alone(__doc__ or "", entries, "runs/figure9", steps=2000, size_g=1600)
