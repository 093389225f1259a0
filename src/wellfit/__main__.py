"""``python -m wellfit``, and the command ``wellfit``."""

from wellfit.cli import signals


def main() -> None:
    """Run the command line; a signal that comes while it is imported ends it in a line, too."""
    signals.listen()
    from wellfit.cli import app

    app.main()


if __name__ == "__main__":
    main()
