"""Types of a column's values, in place of the many names that pandas has for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

# By what ``pandas.api.types.infer_dtype`` returns; anything else is text, or a mixture.
INFERRED: Mapping[str, Literal["number", "boolean", "date", "duration", "empty"]] = {
    "integer": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "decimal": "number",
    "boolean": "boolean",
    "datetime64": "date",
    "datetime": "date",
    "date": "date",
    "timedelta64": "duration",
    "timedelta": "duration",
    "empty": "empty",
}
