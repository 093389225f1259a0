"""Pictures of algorithms for their pages, drawn when these are built: SVG markup, and thumbnails.

An activation is drawn with its derivative, a schedule by epoch, an augmentation on a handwritten
digit. All are computed by the classes themselves, so that no picture can fall behind the code.
"""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits

from wellfit.augment import Augmentation, augment_rows
from wellfit.charts import Axis, Chart, Line
from wellfit.charts.to_markup import svg
from wellfit.core.hyper import Config
from wellfit.nn import Activation
from wellfit.optim import Schedule

SIZE = (380, 230)
_EPOCHS, _PER_EPOCH = 40, 25
_COPIES, _PIXEL, _SIDE = 6, 7, 8
_THUMBNAIL = 320  # pixels of its longer side
_PICTURE = re.compile(r'src="data:image/png;base64,([^"]+)"')


def picture(name: str, cls: type) -> str:
    """Return a picture of a registered class as a line of markup; nothing where there is none."""
    for family, draw in DRAWN.items():
        if issubclass(cls, family):
            drawn = draw(name, cls)
            return f'<div class="picture">{drawn}</div>' if drawn else ""
    return ""


def of_activation(name: str, cls: type[Any]) -> str:
    """Draw f and f' where units usually are."""
    function, z = cls(), torch.linspace(-4, 4, 401, dtype=torch.float64)
    block = _bound(function, z)
    lines = [Line(z.numpy(), block[0], "f(z)"), Line(z.numpy(), block[1], "f'(z)", 1, "dash")]
    return svg(Chart(name, f"{name} and its derivative", lines, Axis("z"), Axis()), SIZE)


def _bound(function: Any, z: torch.Tensor) -> tuple[Any, Any]:
    """Return f and f' at z, of a function that may learn numbers: at their first values."""
    out = function.forward(z, torch.empty_like(z)).clone()
    slope = function.backward(torch.ones_like(z), z, out.clone())
    return out.numpy(), slope.numpy()


def of_schedule(name: str, cls: type[Any]) -> str:
    """Draw the factor on the learning rate over a run of 40 epochs."""
    if name == "reduce_lr_on_plateau":  # which depends on how training goes
        return ""
    if name == "custom":  # which is whatever function it is given
        schedule = cls(lambda epoch: 0.5 ** (epoch // 10))
        name = "custom: 0.5 ** (epoch // 10)"
    else:
        schedule = cls()
    steps = torch.arange(float(_EPOCHS * _PER_EPOCH), dtype=torch.float64)[:, None]
    total = torch.tensor([float(len(steps))], dtype=torch.float64)
    factors = schedule.factor(steps, total, _PER_EPOCH, _hypers(schedule)).expand(len(steps), 1)
    epochs = steps[:, 0].numpy() / _PER_EPOCH
    line = Line(epochs, factors[:, 0].numpy())
    top = 1.05 * max(float(factors.max()), 1.0)
    chart = Chart(
        name,
        f"The factor of {name} by epoch",
        [line],
        Axis("epoch"),
        Axis("factor", low=0, high=top),
    )
    return svg(chart, SIZE)


def _hypers(config: Any) -> dict[str, Any]:
    """Return a config's numbers as its ``factor`` takes them, each (1,)."""
    found: dict[str, Any] = {}
    for key, value in config.values():
        if isinstance(value, Config):
            found[key] = _hypers(value)
        elif isinstance(value, (int, float)):
            found[key] = torch.tensor([float(value)], dtype=torch.float64)
    return found


def of_augmentation(name: str, cls: type[Any]) -> str:
    """Draw a handwritten digit and what becomes of it; two digits take turns, to be mixed."""
    digits = load_digits().data[[0, 1]] / 16
    rows = np.repeat(digits[:1], _COPIES, axis=0)
    if name == "mixup":
        rows = np.tile(digits, (_COPIES // 2, 1))
    seen = augment_rows(rows, [cls()], image_shape=(_SIDE, _SIDE), seed=0)
    images = [("as it is", rows[0]), *((str(n), row) for n, row in enumerate(np.asarray(seen), 1))]
    wide, tall = (_SIDE * _PIXEL + 10) * len(images), _SIDE * _PIXEL + 22
    drawn = "".join(
        _image(row.reshape(_SIDE, _SIDE), (_SIDE * _PIXEL + 10) * k, title)
        for k, (title, row) in enumerate(images)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{tall}" role="img" '
        f'viewBox="0 0 {wide} {tall}" aria-label="A digit, and {_COPIES} changed by {name}" '
        f'style="font:11px sans-serif;max-width:100%" fill="currentColor">{drawn}</svg>'
    )


def _image(pixels: Any, left: float, title: str) -> str:
    squares = "".join(
        f'<rect x="{left + _PIXEL * column}" y="{_PIXEL * row}" width="{_PIXEL}" '
        f'height="{_PIXEL}" fill-opacity="{float(np.clip(value, 0, 1)):.2f}"/>'
        for (row, column), value in np.ndenumerate(pixels)
        if value > 0.02
    )
    middle, below = left + _SIDE * _PIXEL / 2, _SIDE * _PIXEL + 14
    side = _SIDE * _PIXEL
    frame = f'<rect x="{left}" y="0" width="{side}" height="{side}" fill-opacity=".06"/>'
    text = f'<text x="{middle}" y="{below}" text-anchor="middle" opacity=".75">{title}</text>'
    return frame + squares + text


DRAWN: dict[type, Any] = {
    Activation: of_activation,
    Schedule: of_schedule,
    Augmentation: of_augmentation,
}


def write_thumbnails(site: Path) -> list[Path]:
    """Write a thumbnail of each built notebook's last figure beside it; return the files."""
    made = []
    for page in sorted(site.glob("gallery/*/index.html")):
        found = _PICTURE.findall(page.read_text(encoding="utf-8"))
        if found:
            image = Image.open(io.BytesIO(base64.b64decode(found[-1]))).convert("RGB")
            image.thumbnail((_THUMBNAIL, _THUMBNAIL))
            made.append(page.parent / "thumbnail.png")
            image.save(made[-1], optimize=True)
    return made
