"""Floor 1: random changes of training rows that leave their meaning as it is."""

from wellfit.augment.base import Augmentation, Examples
from wellfit.augment.mixing import Mixup
from wellfit.augment.pipeline import Augmenter, augment_rows, augmentations
from wellfit.augment.pixels import Erasing, Noise
from wellfit.augment.warps import Elastic, Rotation, Scale, Shear, Shift

__all__ = [
    "Augmentation",
    "Augmenter",
    "Elastic",
    "Erasing",
    "Examples",
    "Mixup",
    "Noise",
    "Rotation",
    "Scale",
    "Shear",
    "Shift",
    "augment_rows",
    "augmentations",
]
