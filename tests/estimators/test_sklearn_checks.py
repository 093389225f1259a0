"""scikit-learn's own checks of an estimator, all of them."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from wellfit import MLPClassifier, MLPRegressor

# Mini-batches are drawn by row, so that a row twice is not a row of weight 2 (it is, in a full
# batch: see the laws of the engine); scikit-learn's own MLPs are excused for the same reason.
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": "mini-batches are drawn by row",
    "check_sample_weight_equivalence_on_sparse_data": "mini-batches are drawn by row",
}


@parametrize_with_checks(
    [MLPClassifier(), MLPRegressor()],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)
