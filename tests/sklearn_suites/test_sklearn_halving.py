"""What scikit-learn's tests of successive halving demand holds for wellfit's."""

from borrowed import SEARCHES, borrow
from sklearn import model_selection

FILE = "model_selection/tests/test_successive_halving.py"
globals().update(borrow(FILE, model_selection, SEARCHES))
