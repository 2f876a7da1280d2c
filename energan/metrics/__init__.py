"""How good are generated images?  Every result is named with the feature network that it was measured with.

evaluate(fake, real)            -> {"MNIST-FID": ..., "MNIST-IS": ..., ...}
energan.metrics.scores          inception_score, modified_score, modified_score_ceiling, roc_auc
energan.metrics.feature_distances       frechet_distance, kernel_distance, precision_recall
energan.metrics.neighbours      nearest_neighbours, parzen_log_likelihood, parzen_sigma
energan.metrics.closeness       l1, psnr, ssim, luma: pictures against the ones that they should be
energan.metrics.features.catalog        NETWORKS, describe: images -> features, logits
energan.metrics.features.mnist_classifier      mnist_classifier
"""

from typing import TYPE_CHECKING

from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.metrics.features.catalog import Description

LEAST_IMAGES = 32  # on each side: no distance between fewer says anything

LEAST_SHARE = 0.01  # of the fakes, for a digit to count as covered

COMPARED = 500  # images whose nearest training image is looked for


def evaluate(
    fake: "Tensor",
    real: "Tensor | Description",
    network: str = "mnist",
    *,
    train: "Tensor | None" = None,
    seed: int = 0,
) -> dict[str, float]:
    """Measures generated images against real ones, preferably held out from training.

    Args:
        fake: generated images, uint8 (n, c, h, w).
        real: real images, uint8 (m, c, h2, w2), or their `describe(images, network)`, to measure often against the
            same.  Compare results only for equal n and m.
        network: the feature network: "mnist" (28 x 28 or 32 x 32, grey) or "mobilenetv2" (any images).
        train: the training images, to look for copies among; of the fakes' shape.
        seed: of the random subsets (KID, and the images whose neighbours are looked for).

    Returns:
        FID, KID (mean of 100 subsets of up to 1000), precision, recall, density and coverage (k = 3), under
        names such as "MNIST-FID" and "FID-MobileNetV2".  With "mnist" also "MNIST-IS" (one split, at most
        10), "MNIST-I" (nats; floor 1e-6, ceiling 10.13) and "digits covered" (each 1 % of the fakes or more).
        With `train`, the median L2 distance to the nearest training image, pixels in [0, 1], of 500 fakes
        ("train distance") and 500 of `real` if images ("train distance of real"): copies have far less.

    Raises:
        UserError: for fewer than 32 images on a side, an unknown network, or images that it does not take.

    Example:
        >>> import torch
        >>> noise = torch.randint(256, (64, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        >>> results = evaluate(noise[:32], noise[32:])
        >>> sorted(results)[:3]
        ['MNIST-FID', 'MNIST-I', 'MNIST-IS']
    """
    from energan.metrics.feature_distances import frechet_distance, kernel_distance, precision_recall
    from energan.metrics.features.catalog import Description, describe, network_named

    label = network_named(network).label
    reals = len(real.features) if isinstance(real, Description) else len(real)
    for number, what in ((len(fake), "generated"), (reals, "real")):
        if number < LEAST_IMAGES:
            raise UserError(f"measuring needs at least {LEAST_IMAGES} {what} images, not {number}")
    reference = real if isinstance(real, Description) else describe(real, network)
    described = describe(fake, network)
    overlap = precision_recall(reference.features, described.features)
    values = {
        "FID": frechet_distance(reference.features, described.features),
        "KID": kernel_distance(reference.features, described.features, seed=seed)[0],
        **overlap._asdict(),
    }
    results = {label.format(name): value for name, value in values.items()}
    if described.logits is not None:
        results |= _scores(described.logits, label)
    if train is not None:
        results["train distance"] = _train_distance(fake, train, seed)
        if not isinstance(real, Description) and real.shape[1:] == train.shape[1:]:
            results["train distance of real"] = _train_distance(real, train, seed)
    return results


def _scores(logits: "Tensor", label: str) -> dict[str, float]:
    from energan.metrics.scores import inception_score, modified_score

    probabilities = logits.double().softmax(1)
    shares = probabilities.argmax(1).bincount(minlength=logits.shape[1]) / len(logits)
    return {
        label.format("IS"): inception_score(probabilities)[0],
        label.format("I"): modified_score(probabilities),
        "digits covered": float((shares >= LEAST_SHARE).sum()),
    }


def _train_distance(images: "Tensor", train: "Tensor", seed: int) -> float:
    import torch

    from energan.metrics.neighbours import nearest_neighbours

    subset = images[torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[:COMPARED]]
    return float(nearest_neighbours(subset, train).distances.median()) / 255
