"""Fingerprints of searches and of their fits: plain data and digests."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from wellfit.core.arrays import is_sparse
from wellfit.core.digests import blake2b
from wellfit.core.hyper import Config
from wellfit.datasets import StreamedTable

_FEW = 64  # numbers of an array that are written one by one
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def plain_data(value: Any) -> Any:
    """Return plain data for whatever a parameter may be, the same in every process.

    Numbers stay exact. What JSON has no word for becomes text; large arrays become a digest.

    >>> plain_data({"sizes": (64, 32), "l2": np.float64(0.1), "scoring": plain_data})
    {'sizes': [64, 32], 'l2': 0.1, 'scoring': 'wellfit.model_selection.fingerprints.plain_data'}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "identity"):  # whose parameters don't say all, such as a trained network
        return plain_data(value.identity())
    if isinstance(value, Config):
        return {"is": type(value).__name__, **{k: plain_data(v) for k, v in value.values()}}
    if _is_estimator(value):
        params = value.get_params(deep=False)
        return {
            "is": type(value).__name__,
            **{key: plain_data(params[key]) for key in sorted(params)},
        }
    if isinstance(value, Mapping):
        return {str(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, np.ndarray) and value.size > _FEW:
        return digest(value)
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain_data(item) for item in value]
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return _ADDRESS.sub("", repr(value))


def _is_estimator(value: Any) -> bool:
    # Whoever has an estimator has imported its module; who reads a journal has not.
    base = sys.modules.get("sklearn.base")
    return base is not None and isinstance(value, base.BaseEstimator)


def digest(*parts: Any) -> str:
    """Return a short text that is another one where a table, an array or plain data differ.

    >>> digest(np.arange(3)) == digest(np.arange(3)) != digest(np.arange(4))
    True
    """
    pieces = chain.from_iterable(map(_pieces, parts))
    # The length of each, so that none runs into the next.
    return blake2b(part for piece in pieces for part in (len(piece).to_bytes(8, "little"), piece))


def _pieces(part: Any) -> Iterator[bytes]:
    if isinstance(part, StreamedTable):
        part = part.fingerprint
    if hasattr(part, "to_pandas"):
        part = part.to_pandas()
    if isinstance(part, pd.Series):
        part = part.to_frame()
    if isinstance(part, pd.DataFrame):
        yield str([list(part.columns), list(part.dtypes)]).encode()
        yield pd.util.hash_pandas_object(part, index=False, categorize=False).to_numpy().tobytes()
    elif is_sparse(part):
        rows = part.tocsr()
        yield from (b"sparse", *_pieces(rows.data), *_pieces(rows.indices), *_pieces(rows.indptr))
    elif isinstance(part, np.ndarray):
        yield f"{part.dtype}{part.shape}".encode()
        if part.dtype.hasobject:
            yield pd.util.hash_array(part.ravel().astype(str).astype(object)).tobytes()
        else:
            yield np.ascontiguousarray(part).tobytes()
    else:
        yield json.dumps(plain_data(part), sort_keys=True).encode()


def differences(there: Any, here: Any, name: str = "") -> Iterator[str]:
    """Yield what differs between two pieces of plain data, each in words.

    >>> list(differences({"l2": 0.1, "epochs": 3}, {"l2": 0.2, "epochs": 3}))
    ['l2 was 0.1 and is 0.2']
    """
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        for key in dict.fromkeys([*there, *here]):
            inner = f"{name}.{key}" if name else key
            yield from differences(there.get(key), here.get(key), inner)
    # As texts: two that are not a number are the same here.
    elif json.dumps(there) != json.dumps(here):
        yield f"{name} was {there!r:.200} and is {here!r:.200}"
