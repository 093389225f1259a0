"""Content security policies of the pages that wellfit's servers show."""

from __future__ import annotations

import base64
import re

from wellfit.core.digests import sha256


def content_security_policy(page: str) -> str:
    """Return a page's policy: its own script and style run, and only its own server is asked.

    Args:
        page: the HTML, with one ``<script>`` and one ``<style>``.

    >>> content_security_policy("<style>p {}</style><script>1</script>").split("; ")[:2]
    ["default-src 'none'", "connect-src 'self'"]
    """
    allowed = ["default-src 'none'", "connect-src 'self'", "img-src data:", "base-uri 'none'"]
    for directive, tag in (("script-src", "script"), ("style-src", "style")):
        found = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert found is not None
        digest = base64.b64encode(bytes.fromhex(sha256(found[1].encode()))).decode()
        allowed.append(f"{directive} 'sha256-{digest}'")
    return "; ".join([*allowed, "form-action 'none'", "frame-ancestors 'none'"])
