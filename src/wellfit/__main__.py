"""``python -m wellfit``: the same as the command ``wellfit``."""

from wellfit.cli.app import main

if __name__ == "__main__":
    main()
