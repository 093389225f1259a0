"""What scikit-learn's tests of its networks demand holds for wellfit's."""

from borrowed import borrow, networks
from sklearn import neural_network

globals().update(borrow("neural_network/tests/test_mlp.py", neural_network, networks()))
