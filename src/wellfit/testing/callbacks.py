"""Checks of callbacks."""

from __future__ import annotations

from wellfit.optim import Adam
from wellfit.testing.configs import check_config
from wellfit.testing.training import EPOCHS, assert_same, member, run
from wellfit.training import Callback, load_checkpoint, save_checkpoint


def check_callback(callback: Callback) -> None:
    """Check that a callback treats each member for itself, and survives a pause.

    Args:
        callback: to be checked. What it writes is written to the working directory.

    Raises:
        AssertionError: a law is broken; the message says which.

    >>> from wellfit.training import EarlyStopping
    >>> check_callback(EarlyStopping(patience=1))
    """
    check_config(callback)
    # Of different rates and lengths, so that some members leave before the others.
    members = [
        member(k, optimizer=Adam(0.003 * (1 + 10 * k)), epochs=EPOCHS + k) for k in range(3)
    ]
    together = run(members, [callback])
    for k, one in enumerate(members):
        alone = run([one], [callback])
        assert_same(
            alone, 0, together, k, "decisions on a member in a stack are those on it alone"
        )
        if alone.status[0] is not together.status[k]:
            raise AssertionError("broken law: a member's status is the same in a stack and alone")
    for pause in range(1, EPOCHS):
        law = f"a training paused after epoch {pause} ends where a whole one ends"
        paused = run(members, [callback], pause=pause)
        for k in range(len(members)):
            assert_same(paused, k, together, k, law)
    # Raises an InputError where the callback's state holds anything but plain data.
    load_checkpoint(members, *save_checkpoint(together))
