"""Streams: the rows that each member reads, and their order.

The table lies on the device once (:class:`Rows`). A :class:`Stream` says which of its rows a
member trains on and is judged on. Members that share a stream read the same batches, gathered
once for all of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.augment import Augmentation, Augmenter, Examples
from wellfit.core.errors import InputError
from wellfit.core.rng import generator
from wellfit.nn.losses import Loss
from wellfit.nn.ops import BatchShare
from wellfit.training.chunk import Chunk
from wellfit.training.pairing import Pairing
from wellfit.training.processes import ProcessGroup
from wellfit.training.rows import Rows
from wellfit.training.shares import examples_there, own_examples, own_rows, weights_of
from wellfit.training.shuffling import ShuffleBlocks, shuffled

# Bytes of the batches that are gathered at once: enough to share the cost of the call, little
# enough that they are still in the cache that cores share (32 MB here) when their turn comes.
CHUNK_BYTES = 1 << 24
PICKED_BYTES = 1 << 22  # of a table whose rows members that share them may pick one by one


@dataclass(frozen=True, eq=False)
class Stream:
    """The rows that a member trains on, its validation rows, and the seed of their order.

    Rows to train on are changed by ``augment``, in that order, anew at every step; rows to be
    judged on never are. What moves pixels needs ``image_shape``, (height, width) or (height,
    width, channels), of a row. ``shuffle`` draws another order for every epoch.

    With ``pairs``, an example is two rows, and its target whether their class numbers are the
    same. Every epoch draws as many pairs as there are rows, half of which, and of every batch, are
    alike; see :class:`~wellfit.training.pairing.Pairing`.

    With ``blocks``, rows are shuffled in the order of their numbers, block by block, as suits
    rows on a disk; see :class:`~wellfit.training.shuffling.ShuffleBlocks`.

    >>> Stream(np.arange(80), np.arange(80, 100)).seed
    0
    """

    train: NDArray[np.integer]
    validation: NDArray[np.integer] | None = None
    seed: int = 0
    augment: tuple[Augmentation, ...] = ()
    image_shape: tuple[int, ...] | None = None
    shuffle: bool = True
    pairs: bool = False
    blocks: ShuffleBlocks | None = None

    @property
    def positions(self) -> NDArray[np.integer]:
        """The rows to train on, as blocks are cut of them: in the order of their numbers."""
        return np.sort(self.train) if self._by_block else self.train

    @property
    def judged(self) -> NDArray[np.integer] | None:
        """The validation rows in the order in which they are read."""
        if self.validation is None or not self._by_block:
            return self.validation
        return np.sort(self.validation)

    @property
    def _by_block(self) -> bool:
        return self.blocks is not None and len(self.train) > self.blocks.buffer

    def order(self, epoch: int, length: int) -> Tensor:
        """Return the order (length,) in which the rows come in an epoch, filled up."""
        own = len(self.train)
        if not self.shuffle:
            return torch.arange(length)
        # Positions beyond the own rows keep pointing at fillers of weight 0, at the end.
        mixed = shuffled(self.seed, epoch, own, self.blocks)
        return mixed if own == length else torch.cat([mixed, torch.arange(own, length)])

    def shuffled_by(self, blocks: ShuffleBlocks | None) -> Stream:
        """Return the stream with rows that are shuffled in such blocks."""
        # The same object where nothing changes: members that share one read the same batches.
        return self if blocks == self.blocks else replace(self, blocks=blocks)


class Batches:
    """The batches of all members of a stack, epoch by epoch.

    Args:
        rows: the table.
        streams: K streams.
        batch: examples of a batch.
        loss: of the targets.
        outputs: of the networks.
        rows_independent: an example's gradient doesn't depend on the others of its batch.
        logit_rows: rows of logits that an example has while training.
        group: the processes that share each batch; by default this one alone has it.

    Raises:
        InputError: streams whose epochs differ (:func:`pattern`), or whose augmentations differ in
            more than numbers; pairs of rows that have weights.
        HyperparameterError: augmentation that doesn't know the image's shape, or a wrong one.
    """

    def __init__(
        self,
        rows: Rows,
        streams: Sequence[Stream],
        batch: int,
        loss: Loss,
        outputs: int,
        *,
        rows_independent: bool = False,
        logit_rows: int = 1,
        group: ProcessGroup | None = None,
    ) -> None:
        self._group, self._rows = group or ProcessGroup(), rows
        self._loss, self._outputs, self._logit_rows = loss, outputs, logit_rows
        # Streams compare by identity: members given the same object share their batches.
        self._streams = list(dict.fromkeys(streams))
        index = {stream: position for position, stream in enumerate(self._streams)}
        stream_of = [index[stream] for stream in streams]
        self._members = len(stream_of)
        # Whose stream is whose, where some share one and others don't.
        self._shared: Tensor | None = None
        if len(self._streams) > 1 and stream_of != list(range(len(self._streams))):
            self._shared = torch.tensor(stream_of, device=rows.device)
        self._rooms: dict[tuple[int, ...], Tensor] = {}
        self._picked: dict[tuple[int, ...], Chunk] = {}  # each as before but for its rows
        self.rows_each = 2 if _are_pairs(self._streams, rows) else 1
        _check(
            {pattern(each, batch, rows_independent): each.train for each in self._streams},
            "training",
        )
        self._train = self._ids([stream.positions for stream in self._streams])
        held = [stream.judged for stream in self._streams]
        present = [ids for ids in held if ids is not None]
        if len(present) not in (0, len(held)):
            raise InputError("either all members of a stack have validation rows, or none has")
        self._pairings = self._paired(self._train)
        _check({len(ids): ids for ids in present}, "validation")
        self._validation = self._judged(self._ids(present)) if present else None
        self.length = self._train.shape[1]
        self.batch = min(batch, self.length)
        self.per_epoch = -(-self.length // self.batch)
        self._whole = self.length // self.batch * self.batch
        self._there = examples_there([len(s.train) for s in self._streams], self._whole, rows)
        self._memory = torch.empty(0, dtype=rows.dtype, device=rows.device)
        self._augment = _augmenter(self._streams, rows)
        self._one_class = rows.one_class
        self._certain = self._augment is None and rows.one_class

    @property
    def has_validation(self) -> bool:
        """Whether members are judged on rows of their own."""
        return self._validation is not None

    @property
    def can_be_picked(self) -> bool:
        """Whether batches are rows of the table as they lie, that each stream reads but once."""
        return self._augment is None and self.judged_can_be_picked

    @property
    def judged_can_be_picked(self) -> bool:
        """The same of validation rows, which nothing changes."""
        table, own = self._rows.parts()[0], len(self._streams) == self._members
        if self.rows_each > 1 or not isinstance(table, Tensor):
            return False
        # Members that share a stream would each pick its rows anew: from memory, if not a cache.
        return own or table.numel() * table.element_size() <= PICKED_BYTES

    def epoch(self, epoch: int, steps: int, *, picked: bool = False) -> Iterator[Chunk]:
        """Yield the shuffled training batches in chunks of up to ``steps``; the odd rest last.

        A chunk lasts until the next is asked for, which lies in the same memory. Where the step
        picks rows from the table itself, they aren't gathered here.
        """
        first, size = epoch * self.per_epoch, steps * self.batch
        ids = self._drawn(epoch)
        # Rows of a disk are read while those of the buffer before them are trained on.
        ahead = max((each.blocks.buffer for each in self._streams if each.blocks), default=0)
        for start in range(0, self._whole, size):
            part = ids[:, start : min(start + size, self._whole)]
            self._rows.ahead(ids[:, start + ahead :][:, :size])
            step = first + start // self.batch
            yield self._trained_on(part, self.batch, step, steps, picked=picked)
        if self._whole < self.length:
            part, step = ids[:, self._whole :], first + self.per_epoch - 1
            batch = self.length - self._whole
            yield self._trained_on(part, batch, step, 1, self._there, picked=picked)

    def _trained_on(
        self,
        ids: Tensor,
        batch: int,
        step: int,
        most: int,
        there: Tensor | None = None,
        *,
        picked: bool,
    ) -> Chunk:
        """Return a chunk of the examples ``ids``, changed as at the steps from ``step`` on."""
        if not picked:
            share = self._group.share(batch)
            if self._augment is None:
                examples = self._examples(own_rows(ids, share), share.rows)
            else:  # which may mix the rows of a batch
                examples = self._examples(ids, batch)
                self._augment(examples, step, most)
                examples = own_examples(examples, share)
            return self._for_logits(self._chunk(examples, there, share))
        flat = ids.view(ids.shape[0], -1, batch).transpose(0, 1)
        if flat.shape not in self._picked or self._rows.weighted:
            self._picked[flat.shape] = self._for_logits(self._as_picked(flat, there))
        return replace(self._picked[flat.shape], ids=flat)

    def _as_picked(self, ids: Tensor, there: Tensor | None = None) -> Chunk:
        """Return a chunk of the rows ``ids`` (n, S, B), which aren't gathered."""
        x = self._memory.new_empty(*ids.shape, 0)
        chunk = self._chunk(Examples(x, x.transpose(2, 3), self._rows.weights(ids)), there)
        return replace(chunk, ids=ids)

    def _drawn(self, epoch: int) -> Tensor:
        """Return the rows (S, N, 1 or 2) of an epoch's examples, in their order."""
        if self._pairings:
            drawn = [
                pairing.draw(generator(each.seed, "pairs", epoch if each.shuffle else 0))
                for each, pairing in zip(self._streams, self._pairings, strict=True)
            ]
            return torch.stack(drawn).to(self._train.device)
        order = torch.stack([each.order(epoch, self.length) for each in self._streams])
        return self._train.gather(1, order.to(self._train.device)).unsqueeze(-1)

    def _judged(self, ids: Tensor) -> Tensor:
        """Return the examples (S, N, 1 or 2) to be judged on: of pairs, the same every time."""
        if not self._pairings:
            return ids.unsqueeze(-1)
        drawn = [
            pairing.draw(generator(each.seed, "judged"))
            for each, pairing in zip(self._streams, self._paired(ids), strict=True)
        ]
        return torch.stack(drawn).to(ids.device)

    def _paired(self, ids: Tensor) -> list[Pairing]:
        """Return what draws pairs of each stream's rows (S, N), if examples are pairs."""
        if self.rows_each == 1:
            return []
        return [Pairing(own.cpu(), self._rows.labels(own).cpu()) for own in ids]

    def judging(self, most: int) -> Iterator[Chunk]:
        """Yield the validation examples in order, at most ``most`` at once: a process's part."""
        assert self._validation is not None
        own = self._validation[:, self._group.part(self._validation.shape[1])]
        for ids in torch.split(own, most, dim=1):
            yield self._chunk(self._examples(ids, ids.shape[1]))

    def judged_as_picked(self) -> Chunk:
        """Return all validation examples as one batch of rows that aren't gathered."""
        assert self._validation is not None
        return self._as_picked(self._validation.squeeze(2).unsqueeze(0))

    def _examples(self, ids: Tensor, batch: int) -> Examples:
        """Return the examples ``ids`` (S, n · B, 1 or 2) as batches."""
        shaped = ids.view(len(ids), -1, batch, self.rows_each).transpose(0, 1)
        flat = shaped.flatten(2)
        x, target = self._features(flat), self._target(shaped, flat)
        return Examples(x, target, self._rows.weights(flat))

    def _chunk(
        self, examples: Examples, there: Tensor | None = None, share: BatchShare | None = None
    ) -> Chunk:
        share = share or BatchShare.whole(examples.target.shape[3])
        weight, filled = weights_of(examples, there, share)
        mixed = self._shared is not None
        return Chunk(
            examples.x if mixed else self._fan_out(examples.x),
            self._fan_out(examples.target),
            None if weight is None else self._fan_out(weight),
            self._certain,
            None if filled is None else self._fan_out(filled),
            self._spread if mixed else None,
            self._shared,
            one_class=self._one_class,
            of=share.of,
        )

    def _for_logits(self, chunk: Chunk) -> Chunk:
        """Return a chunk with a target and a weight for each row of logits of its examples."""
        if self._logit_rows == 1:
            return chunk
        target, weight = (
            None if each is None else each.repeat_interleave(self._logit_rows, dim=-1)
            for each in (chunk.target, chunk.weight)
        )
        assert target is not None
        return replace(chunk, target=target, weight=weight, logit_rows=self._logit_rows)

    def _spread(self, x: Tensor) -> Tensor:
        """Give every member its stream's features (S, B, D + 1): batch by batch, in the cache."""
        assert self._shared is not None
        shape = (len(self._shared), *x.shape[1:])
        if shape not in self._rooms:
            self._rooms[shape] = x.new_empty(shape)
        return torch.index_select(x, 0, self._shared, out=self._rooms[shape])

    def _features(self, ids: Tensor) -> Tensor:
        # Fresh memory for every chunk would cost as much as filling it: the kernel clears pages.
        size = ids.numel() * self._rows.width
        if size > len(self._memory):
            self._memory = self._memory.new_empty(size)
        return self._rows.features(ids, self._memory[:size].view(*ids.shape, self._rows.width))

    def _target(self, ids: Tensor, flat: Tensor) -> Tensor:
        if self._pairings:
            return self._rows.alike(ids, self._loss)
        return self._rows.targets(flat, self._loss, self._outputs)

    def _fan_out(self, streams: Tensor) -> Tensor:
        """Give every member its stream's rows; one stream for all is not copied."""
        if len(self._streams) == 1:
            # Stride 0 along the members: one batch in memory, read by all of them.
            return streams.expand(-1, self._members, -1, -1)
        return streams if self._shared is None else streams.index_select(1, self._shared)

    def _ids(self, lists: Sequence[NDArray[np.integer]]) -> Tensor:
        """Return lists of row numbers as (S, N), shorter ones filled up with their last."""
        if len(lists) == 1 and lists[0].flags.writeable:  # of many rows, a copy is large
            own = np.asarray(lists[0], dtype=np.int64)
            return torch.from_numpy(own)[None].to(self._rows.device)
        most = max(map(len, lists))
        even = [np.pad(ids, (0, most - len(ids)), mode="edge") for ids in lists]
        return torch.as_tensor(np.stack(even).astype(np.int64)).to(self._rows.device)


def pattern(stream: Stream, batch: int, rows_independent: bool) -> tuple[int, int | None]:
    """Return the batches of an epoch: how many whole ones, and how many rows are left.

    Streams of one pattern can be read together. Where rows are independent, the number of rows
    left doesn't matter: a shorter batch is filled up with rows of weight 0.

    >>> pattern(Stream(np.arange(105)), batch=10, rows_independent=False)
    (10, 5)
    >>> pattern(Stream(np.arange(105)), batch=10, rows_independent=True)
    (10, None)
    """
    whole, rest = divmod(len(stream.train), batch)
    changed = stream.augment or stream.pairs
    fillable = rows_independent and whole and rest and not changed
    return whole, None if fillable else rest


def _check(kinds: Mapping[Hashable, NDArray[np.integer]], what: str) -> None:
    lengths = sorted(len(ids) for ids in kinds.values())
    if len(kinds) > 1 or 0 in lengths:
        raise InputError(
            f"members of a stack need the same number of {what} rows, at least one; "
            f"given {lengths}"
        )


def _are_pairs(streams: Sequence[Stream], rows: Rows) -> bool:
    """Return whether examples are pairs of rows, the same for all streams."""
    if len({stream.pairs for stream in streams}) > 1:
        raise InputError("either all streams of a stack are of pairs, or none is")
    if streams[0].pairs and rows.weighted:
        raise InputError("pairs are of rows without weights; given rows that have some")
    return streams[0].pairs


def _augmenter(streams: Sequence[Stream], rows: Rows) -> Augmenter | None:
    """Return what changes the training rows of all streams, or None if nothing does."""
    shape = streams[0].image_shape
    for stream in streams:
        if stream.image_shape != shape:
            raise InputError(
                f"streams of a stack need one image_shape; given {shape} and {stream.image_shape}"
            )
    if not any(stream.augment for stream in streams):
        return None
    return Augmenter(
        [stream.augment for stream in streams],
        [stream.seed for stream in streams],
        shape,
        rows.width - 1,
        rows.dtype,
        rows.device,
    )
