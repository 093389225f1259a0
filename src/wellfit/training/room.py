"""The memory check: what a training would take, against what the machine has."""

from __future__ import annotations

import torch

from wellfit.core.errors import InputError
from wellfit.core.memory import available_memory, in_bytes
from wellfit.training.member import Member

_SMALL = 1 << 26  # bytes that are taken without asking
_DRAWN = 2 * 8  # bytes of a parameter while it is drawn, in double precision, and laid out


def check_room(member: Member, rows: int, dtype: torch.dtype, device: torch.device) -> None:
    """Check that a network can be trained in the memory that there is, before any is taken.

    Args:
        member: the training.
        rows: the number of training rows.
        dtype: of parameters and activations.
        device: where the training takes place.

    Raises:
        InputError: naming the size that it would need, and what is available.

    >>> from wellfit.nn import mlp
    >>> check_room(Member(mlp(4, (8,), 3)), 150, torch.float32, torch.device("cpu"))
    """
    network, size = member.network, member.network.size
    batch = min(member.batch_size, rows)
    shapes = zip(network.parameters.shapes, network.sizes[1:], strict=True)
    units = sum(numbers for shape, numbers in shapes if shape.weight_rows)
    # Parameters, their gradients and the optimizer's memory; outputs and deltas of a batch.
    kept = size * (2 + len(member.slots())) + 2 * batch * units
    needed = max(kept * dtype.itemsize, size * (_DRAWN + dtype.itemsize))
    if needed < _SMALL:
        return
    cuda = device.type == "cuda"
    there = torch.cuda.mem_get_info(device)[0] if cuda else available_memory()
    if needed > there:
        count = f"{size:,}" if size < 1e15 else f"{size:.1e}"
        raise InputError(
            f"a network of {count} parameters, with batches of {batch} rows, takes at least "
            f"{in_bytes(needed)} of memory to train, and {in_bytes(there)} are available; "
            f"expected fewer or smaller layers than {_widths(member)}"
        )


def _widths(member: Member) -> str:
    """Return the units of the hidden layers, the largest of them where there are many."""
    units = [str(width) for width in member.network.widths[1:-1]]
    distinct = list(dict.fromkeys(units))
    return ", ".join(distinct[:5]) + (", ..." if len(distinct) > 5 else "")
