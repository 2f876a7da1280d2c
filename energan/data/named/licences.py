"""Under which licences the images of built-in sets are, as far as their makers say so: model cards name them."""

DIGITS_OF_NIST = "not known: the files of MNIST name none"

NOTO, TWEMOJI, FLUENT = "Noto Emoji: Apache-2.0 and OFL-1.1", "Twemoji: CC-BY-4.0", "Fluent Emoji: MIT"

PHOTOGRAPHS = "photographs of Debian packages, whose licences ask for the authors' names"

PHOSPHOR = "Phosphor icons: MIT"

LICENCES: dict[str, str] = {
    "debian-photos": PHOTOGRAPHS,
    "digits": "Optical Recognition of Handwritten Digits (UCI): CC-BY-4.0",
    "emoji-attributes": f"{NOTO}; {TWEMOJI}; {FLUENT}",
    "emoji-captions": FLUENT,
    "emoji-fluent": FLUENT,
    "emoji-noto": NOTO,
    "emoji-twemoji": TWEMOJI,
    "fashion-mnist": "Fashion-MNIST: MIT",
    "icons-captions": PHOSPHOR,
    "icons-filled": PHOSPHOR,
    "line-emoji": f"{NOTO}",
    "mnist": DIGITS_OF_NIST,
    "mnist-m": f"{DIGITS_OF_NIST}; {PHOTOGRAPHS}",
    "mnist-usps": DIGITS_OF_NIST,
    "noto-twemoji": f"{NOTO}; {TWEMOJI}",
    "stacked-mnist": DIGITS_OF_NIST,
    "worded-mnist": DIGITS_OF_NIST,
    "zi2zi": "UMing and UKai: Arphic Public License",
}
"""The name of a set -> what is known of its images' licence."""

ON_THE_HUB = {"mnist": "ylecun/mnist", "fashion-mnist": "zalando-datasets/fashion_mnist"}
"""Sets that the Hugging Face hub has, too."""


def licence_of(source: str) -> str:
    """What is known of the licence of the images that a source names."""
    return LICENCES.get(source, "not known: ask whoever made the set")
