"""What scikit-learn's tests of its searches demand holds for wellfit's."""

from borrowed import SEARCHES, borrow
from sklearn import model_selection

globals().update(borrow("model_selection/tests/test_search.py", model_selection, SEARCHES))
