"""Estimators: scikit-learn's own checks, its own network as an oracle, every setting, labels and shapes."""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import Any

import numpy as np
import pytest

from nn import L2, SGD, Adam, DataError, DivergedError, SettingError, iris
from nn.errors import UnknownSettingError

estimator_checks = pytest.importorskip("sklearn.utils.estimator_checks")
estimators = pytest.importorskip("nn.estimators")
model_selection = pytest.importorskip("sklearn.model_selection")
neural_network = pytest.importorskip("sklearn.neural_network")
not_fitted_error = pytest.importorskip("sklearn.exceptions").NotFittedError
MLPClassifier, MLPRegressor = estimators.MLPClassifier, estimators.MLPRegressor
BOTH = [MLPClassifier, MLPRegressor]


def flowers() -> tuple[np.ndarray, np.ndarray]:
    X, y = iris()
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def numbers_of(estimator: Any) -> np.ndarray:
    """The parameters of the trained network, one after the other."""
    return np.concatenate([array.ravel() for array in estimator.model_.state_dict().values()])


# --- scikit-learn's own word --------------------------------------------------------------------


@estimator_checks.parametrize_with_checks([MLPClassifier(epochs=50), MLPRegressor(epochs=50)])
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("kind", BOTH)
def test_the_number_of_inputs_is_checked_after_fitting(kind: Any) -> None:
    estimator_checks.check_n_features_in_after_fitting(kind.__name__, kind(epochs=5))


def as_theirs(theirs: Any, ours: Any) -> Any:
    """Their network, already fitted to such data, with our numbers in it."""
    arrays = list(ours.model_.state_dict().values())
    theirs.coefs_, theirs.intercepts_ = [weight.T for weight in arrays[::2]], arrays[1::2]
    return theirs


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("hidden", [(5,), (4, 3)])
@pytest.mark.filterwarnings("ignore:.*Maximum iterations:UserWarning")
def test_predictions_are_those_of_scikit_learns_network_with_the_same_numbers(
    activation: str, hidden: tuple[int, ...]
) -> None:
    X, y = flowers()
    settings = {"hidden_layer_sizes": hidden, "activation": activation, "max_iter": 1}
    ours = MLPClassifier(hidden, activation, epochs=3).fit(X, y)
    theirs = as_theirs(neural_network.MLPClassifier(**settings).fit(X, y), ours)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-12)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    ours = MLPRegressor(hidden, activation, epochs=3).fit(X[:, :2], X[:, 2:])
    theirs = as_theirs(neural_network.MLPRegressor(**settings).fit(X[:, :2], X[:, 2:]), ours)
    np.testing.assert_allclose(ours.predict(X[:, :2]), theirs.predict(X[:, :2]), rtol=1e-12, atol=1e-14)


def test_a_search_tries_objects_as_settings() -> None:
    X, y = flowers()
    space = {"hidden": [(), (4,)], "optimizer": [SGD(1e-6), Adam(0.05)], "penalty": [None, L2(0.001)]}
    search = model_selection.GridSearchCV(MLPClassifier(epochs=20), space, cv=2).fit(X, y)
    assert search.best_params_["optimizer"] == Adam(0.05)
    assert search.best_score_ > 0.9


# --- labels and shapes --------------------------------------------------------------------------


LABELS = {
    "text": ["versicolor", "setosa", "virginica"],
    "text of any length": np.array(["b", "a", "rather long"], dtype=object),
    "whole numbers with gaps": [7, -3, 100],
    "whole floats": [2.0, 0.0, 1.0],
    "two": [True, False, True],
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_may_be_of_any_kind(labels: Any) -> None:
    X, y = flowers()
    labelled = np.asarray(labels)[y]
    classifier = MLPClassifier(epochs=60).fit(X, labelled)
    np.testing.assert_array_equal(classifier.classes_, sorted(set(labels)))
    assert classifier.predict(X).dtype == labelled.dtype
    assert (classifier.predict(X) == labelled).mean() > 0.95
    shares = classifier.predict_proba(X)
    assert shares.shape == (len(X), len(set(labels)))
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(classifier.classes_[shares.argmax(axis=1)], classifier.predict(X))


def test_probabilities_stay_numbers_far_from_the_data() -> None:
    classifier = MLPClassifier(hidden=(), epochs=5).fit(*flowers())
    found = classifier.predict_proba(np.full((1, 4), 1e6))
    assert sorted(found[0]) == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("shape", [(150,), (150, 1), (150, 2)])
def test_predicted_numbers_have_the_shape_of_those_learned(shape: tuple[int, ...]) -> None:
    X, _ = flowers()
    y = np.column_stack([X[:, 0], X[:, 1]])[:, : shape[-1] if len(shape) > 1 else 1].reshape(shape)
    regressor = MLPRegressor(epochs=60).fit(X, y)
    assert regressor.predict(X).shape == shape
    assert regressor.predict(X[:1]).shape == (1, *shape[1:])
    assert regressor.score(X, y) > 0.95


# --- settings -----------------------------------------------------------------------------------


CHANGES: dict[str, dict[str, Any]] = {
    "hidden": {"hidden": (8, 4)},
    "activation": {"activation": "sigmoid"},
    "penalty": {"penalty": L2(0.5)},
    "optimizer": {"optimizer": SGD(0.1)},
    "batch_size": {"batch_size": 10},
    "epochs": {"epochs": 4},
    "random_state": {"random_state": 1},
}


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_setting_reaches_the_training(kind: Any, change: dict[str, Any]) -> None:
    X, y = flowers()
    plain, changed = kind(epochs=3).fit(X, y), kind(**{"epochs": 3, **change}).fit(X, y)
    assert set(CHANGES) == set(plain.get_params())
    assert not np.array_equal(numbers_of(plain), numbers_of(changed))
    assert changed.history_.epochs == change.get("epochs", 3)
    assert changed.model_.sizes[1:-1] == list(change.get("hidden", (16,)))
    assert (changed.history_.penalty[-1] > 0) == ("penalty" in change)


@pytest.mark.parametrize("kind", BOTH)
def test_what_an_optimizer_of_none_and_a_large_batch_mean(kind: Any) -> None:
    X, y = flowers()
    written_out = kind(epochs=3, optimizer=Adam(0.01), batch_size=None).fit(X, y)
    np.testing.assert_array_equal(numbers_of(kind(epochs=3, batch_size=1000).fit(X, y)), numbers_of(written_out))
    assert written_out.history_.updates == [1, 2, 3]


def test_random_state_repeats_a_fit_or_does_not() -> None:
    X, y = flowers()

    def fits(random_state: Any) -> list[np.ndarray]:
        classifier = MLPClassifier(epochs=1, random_state=random_state)
        return [numbers_of(classifier.fit(X, y)), numbers_of(classifier.fit(X, y))]

    for random_state, repeats in ((0, True), (np.int64(3), True), (None, False), (np.random.default_rng(0), False),
                                  (np.random.RandomState(0), False)):
        first, second = fits(random_state)
        assert np.array_equal(first, second) is repeats, random_state
    for source in (np.random.default_rng, np.random.RandomState):
        np.testing.assert_array_equal(fits(source(5)), fits(source(5)))


BAD_CALLS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"hidden": 16}, SettingError,
     r"MLPClassifier: hidden is the sizes of the hidden layers; got 16. Write hidden=\(16,\) for one layer, "
     r"hidden=\(\) for none."),
    ({"hidden": "16"}, SettingError, "MLPClassifier: hidden is the sizes of the hidden layers; got '16'."),
    ({"hidden": (0,)}, SettingError, "a number of units must be a whole number, 1 or more; got 0"),
    ({"activation": "rleu"}, SettingError, "There is no activation 'rleu'. Did you mean 'relu'?"),
    ({"optimizer": "adam"}, SettingError, "optimizer is one of nn's, such as .* got 'adam'"),
    ({"batch_size": 0}, SettingError, "must be a whole number, 1 or more; got 0"),
    ({"batch_size": "auto"}, SettingError, "must be a whole number, 1 or more; got 'auto'"),
    ({"epochs": 0}, SettingError, "epochs, how often every example is used, must be a whole number"),
]


@pytest.mark.parametrize(("settings", "kind", "message"), BAD_CALLS)
def test_settings_are_refused_by_fit(settings: dict[str, Any], kind: type[Exception], message: str) -> None:
    classifier = MLPClassifier(**settings)
    with pytest.raises(kind, match=message):
        classifier.fit(*flowers())
    with pytest.raises(not_fitted_error):
        classifier.predict(flowers()[0])


TAKEN = "It takes hidden, activation, penalty, optimizer, batch_size, epochs, random_state."
FOREIGN: list[tuple[dict[str, Any], str]] = [
    ({"hidden_layer_sizes": (10,)}, "has no setting hidden_layer_sizes. Write {}(hidden=(10,))."),
    ({"max_iter": 300, "random_state": 1, "hidden_layer_sizes": (3, 2)},
     "has no setting max_iter and no hidden_layer_sizes. Write {}(epochs=300, random_state=1, hidden=(3, 2))."),
    ({"alpha": 0.1}, f"has no setting alpha. Write {{}}(). For alpha write penalty=L2(0.001). {TAKEN}"),
    ({"solver": "lbfgs", "epochs": 2},
     f"has no setting solver. Write {{}}(epochs=2). For solver write optimizer=Adam(0.01). {TAKEN}"),
    ({"verbose": True}, f"has no setting verbose. Write {{}}(). {TAKEN}"),
]


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(("settings", "said"), FOREIGN)
def test_scikit_learns_own_names_are_answered_with_ours(kind: Any, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UnknownSettingError) as caught:
        kind(**settings)
    assert str(caught.value) == f"{kind.__name__} {said.format(kind.__name__)}"


@pytest.mark.parametrize("kind", BOTH)
def test_positions_and_the_signature_are_kept(kind: Any) -> None:
    assert list(inspect.signature(kind).parameters) == list(CHANGES)
    assert kind((3,), "relu").get_params()["activation"] == "relu"
    with pytest.raises(UnknownSettingError, match=r"Write MLP\w+\(\(3,\), epochs=5\)"):
        kind((3,), max_iter=5)
    with pytest.raises(TypeError, match="multiple values for argument 'hidden'"):
        kind((3,), hidden=(3,))


def test_one_class_is_refused_with_its_name() -> None:
    needed = ("MLPClassifier needs at least two classes; y holds one class, 'setosa'. Give examples of another; "
              "a stratified split keeps some of each.")
    with pytest.raises(DataError, match=needed):
        MLPClassifier().fit([[0.0], [1.0]], ["setosa", "setosa"])


def test_a_run_that_diverges_says_so() -> None:
    X, y = flowers()
    with pytest.raises(DivergedError, match="Training diverged in epoch"):
        MLPRegressor(hidden=(), optimizer=SGD(1e3)).fit(X, y)


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "nn.estimators")
    for module in ("sklearn", "sklearn.base"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as caught:
        importlib.import_module("nn.estimators")
    assert str(caught.value) == (
        "nn.estimators: sklearn is not installed. It comes with the extra 'data': pip install \"autograd-core[data]\"."
    )
