"""wellfit's successive halving over the same candidates."""

from benchmarks.searches.task import main
from benchmarks.searches.wellfit_stacks import halving

if __name__ == "__main__":
    main(halving)
