"""``wellfit serve``: answer requests for a model's predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellfit.cli import options
from wellfit.cli.console import note, screen, starting

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence

    from wellfit.serving import ServedModel

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MOST_CONNECTIONS = 1000  # more are answered with status 503
_KEEP_ALIVE = 30  # seconds after which a silent connection is closed


def serve(
    run: Annotated[Path, typer.Argument(help="The folder of a run or of a model.")],
    host: Annotated[
        str,
        typer.Option(
            help="The address to listen on; by default only this machine can send requests."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 for any free one.")
    ] = 8000,
    max_request: Annotated[
        str, typer.Option(help="The largest body of a request.", metavar="SIZE")
    ] = "8MB",
    timeout: Annotated[
        float,
        typer.Option(min=0.001, help="Seconds within which a request is answered.", metavar="S"),
    ] = 30.0,
    na: options.MissingValues = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, …")] = "auto",
) -> None:
    """Serve predictions over HTTP, until Ctrl-C: JSON or csv rows in, predictions out.

    The page at the server's address shows the columns and tries a request. Needs the extra
    wellfit-nn[serve].
    """
    from wellfit.core.errors import InputError
    from wellfit.core.extras import import_extra
    from wellfit.core.memory import bytes_in

    uvicorn = import_extra("uvicorn", "serve")
    most = bytes_in(max_request)
    if most < 1:
        raise InputError(f"--max-request is {max_request!r}; expected one byte or more, as in 8MB")
    with _listen(host, port) as listener:
        with starting():
            from wellfit.serving import Limits, create_app
        model, about = _served(run, tuple(na or ()), device)
        model.warm_up()
        hosts = frozenset(_LOOPBACK) if host in _LOOPBACK else None
        app = create_app(model, about, Limits(most, timeout, hosts))
        screen().print(f"serving {run} at {_address(listener)}  (Ctrl-C ends)", soft_wrap=True)
        if host not in _LOOPBACK:
            note("everyone who can reach this machine can send requests; there is no password")
        _run(uvicorn, app, listener, timeout)
        screen().print("ended")


def _served(
    run: Path, na_values: Sequence[str], device: str
) -> tuple[ServedModel, dict[str, Any]]:
    """Return the model of a run, a model folder or an ensemble's, and its description.

    Args:
        run: the folder.
        na_values: further values that mean missing.
        device: that PyTorch computes on; NumPy's is the CPU.

    Raises:
        ModelFileError: there is no model, or it is damaged or newer.
    """
    from wellfit.cli.run_folder import model_folder, read_config
    from wellfit.serving import ServedModel, describe

    def load(folder: Any) -> Any:
        with starting():
            from wellfit.cli.run_model import load_run_model
        return load_run_model(run, folder)

    folder, config = model_folder(run), read_config(run)
    target = config.get("data", {}).get("target")
    model = ServedModel.load(folder, target=target, na_values=na_values, device=device, load=load)
    return model, describe(model, run.resolve().name, config, _result(run))


def _result(run: Path) -> Mapping[str, Any]:
    """Return the result of a run; nothing of a model alone, or where there is none yet."""
    from contextlib import suppress

    from wellfit.cli.run_folder import CONFIG, RESULT
    from wellfit.cli.run_forms import read_result_file
    from wellfit.core.errors import ModelFileError

    folder = run if (run / CONFIG).is_file() else run.parent
    with suppress(OSError, ModelFileError):
        return read_result_file(folder / RESULT)
    return {}


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        InputError: the port is taken, or the host isn't this machine's.
    """
    import socket

    from wellfit.core.errors import InputError

    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        text = getattr(error, "strerror", None) or error
        raise InputError(f"can't listen on {host}, port {port}: {text}") from error
    # Connections inherit it. An answer's body is written after its headers, and would wait until
    # the client acknowledges these: 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"


def _run(uvicorn: Any, app: Any, listener: socket.socket, timeout: float) -> None:
    """Answer requests until a signal comes, and then those that are under way."""
    import logging
    import sys

    # Errors are written, with their traceback; what clients do wrong they are told.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    # A long request's thread and the loop take turns: the loop waits a millisecond at most.
    sys.setswitchinterval(0.001)
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(timeout)),
    )
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:  # uvicorn raises the signal again that it ended by
        return
