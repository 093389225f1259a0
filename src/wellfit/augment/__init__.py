"""Floor 1: random changes of training rows that leave their meaning as it is."""

from wellfit.augment.base import Augmentation, Examples
from wellfit.augment.brightness import Brightness
from wellfit.augment.contrast import Contrast
from wellfit.augment.mixing import Mixup
from wellfit.augment.pipeline import Augmenter, augment_rows, augmentations
from wellfit.augment.pixels import Erasing, Noise
from wellfit.augment.warps import Elastic, Rotation, Scale, Shear, Shift
from wellfit.core.registry import discover

__all__ = [
    "Augmentation",
    "Augmenter",
    "Brightness",
    "Contrast",
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

# An algorithm in a new file of this folder needs no line here.
discover(__name__)
