r"""``MLP`` and ``fit`` as scikit-learn estimators, for its pipelines, cross-validation and searches.

The module needs the extra ``data`` and is imported by its own name.  Settings keep their names in ``nn``, except
``random_state``, by which scikit-learn finds and sets what is random.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, Self

import numpy as np

from autograd_core import softmax
from autograd_core.extras import require
from autograd_core.operand_checks import shown
from autograd_core.row import Primitive
from nn.errors import DataError, SettingError, UnknownSettingError
from nn.losses import Loss, half_squared_error, softmax_cross_entropy
from nn.mlp import MLP
from nn.optimizers import Adam, Optimizer
from nn.penalties import Penalty
from nn.settings import number_or_nan
from nn.training import fit

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    require("sklearn", "data", "nn.estimators")
    raise

RandomState = int | np.random.Generator | np.random.RandomState | None
_Settings = ParamSpec("_Settings")

# What scikit-learn's own networks call a setting, and what says here what others of theirs say.
_RENAMED = {"hidden_layer_sizes": "hidden", "max_iter": "epochs"}
_INSTEAD = {
    "alpha": "penalty=L2(0.001)", "solver": "optimizer=Adam(0.01)", "learning_rate_init": "optimizer=Adam(0.01)",
    "learning_rate": "optimizer=SGD(0.1)", "momentum": "optimizer=Momentum(0.1, momentum=0.9)",
}


def _answering_other_names(init: Callable[_Settings, None]) -> Callable[_Settings, None]:
    """An ``__init__`` that answers scikit-learn's own names with the right call, under the signature it has."""
    known = list(inspect.signature(init).parameters)

    @wraps(init)
    def checked(*positions: _Settings.args, **settings: _Settings.kwargs) -> None:
        foreign = [word for word in settings if word not in known]
        if not foreign:
            return init(*positions, **settings)
        called = type(positions[0]).__name__
        words = {_RENAMED.get(word, word): given for word, given in settings.items()}
        arguments = [*map(shown, positions[1:]),
                     *(f"{word}={shown(given)}" for word, given in words.items() if word in known)]
        sentences = [f"{called} has no setting {' and no '.join(foreign)}. Write {called}({', '.join(arguments)})."]
        left_over = [word for word in foreign if word not in _RENAMED]
        sentences += [f"For {word} write {_INSTEAD[word]}." for word in left_over if word in _INSTEAD]
        sentences += [f"It takes {', '.join(known[1:])}."] if left_over else []
        raise UnknownSettingError(" ".join(sentences))

    return checked


class _MLPEstimator(BaseEstimator):  # type: ignore[misc]  # a class of a package that only the extra brings
    """What the two have in common: the settings, the training and the outputs."""

    @_answering_other_names
    def __init__(
        self,
        hidden: Sequence[int] = (16,),
        activation: str | Primitive = "tanh",
        penalty: Penalty | None = None,
        optimizer: Optimizer | None = None,
        batch_size: int | None = 32,
        epochs: int = 200,
        random_state: RandomState = 0,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.penalty = penalty
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.epochs = epochs
        self.random_state = random_state

    def _train(self, X: np.ndarray, targets: np.ndarray, outputs: int, loss: Loss) -> None:
        rng = _generator(self.random_state)
        model = MLP([X.shape[1], *self._hidden_sizes(), outputs], self.activation, rng=rng)
        self.history_ = fit(
            model, X, targets, loss=loss, penalty=self.penalty,
            optimizer=Adam(0.01) if self.optimizer is None else self.optimizer,
            batch_size=None if number_or_nan(self.batch_size) > len(X) else self.batch_size, epochs=self.epochs,
            progress=False, rng=rng,
        )
        self.model_ = model

    def _hidden_sizes(self) -> list[int]:
        if isinstance(self.hidden, (str, bytes)) or not np.iterable(self.hidden):
            raise SettingError(
                f"{type(self).__name__}: hidden is the sizes of the hidden layers; got {shown(self.hidden)}. "
                "Write hidden=(16,) for one layer, hidden=() for none."
            )
        return list(self.hidden)

    def _outputs(self, X: Any) -> np.ndarray:
        """The network's outputs, of shape (examples, outputs)."""
        check_is_fitted(self, "model_")
        return self.model_.outputs_of(validate_data(self, X, dtype=np.float64, reset=False))


class MLPClassifier(ClassifierMixin, _MLPEstimator):  # type: ignore[misc]  # as above
    r"""A multilayer perceptron that learns classes, by softmax cross-entropy (LECTURE rows 9 to 13).

    .. math:: P(k \mid x) = e^{a_k} / \sum_j e^{a_j}

    with a_k the network's output for class k, one each, also where there are two.

    ``hidden`` holds the sizes of the hidden layers, ``activation`` is theirs.  ``penalty`` is added to the mean
    loss, as in ``penalty=L2(0.001)``.  ``optimizer`` None is ``Adam(0.01)``.  ``batch_size`` is the minibatch's,
    None or more than there are examples the whole batch; ``epochs`` is how often every example is used.
    ``random_state`` draws the weights and the minibatches: an int, which gives the same network at every ``fit``, a
    Generator or RandomState, or None for another network each time.  Settings are checked by ``fit``.

    After ``fit``: ``classes_`` are the labels in order, ``model_`` is the :class:`MLP`, ``history_`` the
    :class:`History`, ``n_features_in_`` the number of inputs.

    Inputs are taken as they are; a network learns best from standardized ones.  What scikit-learn's own class calls
    ``hidden_layer_sizes`` is ``hidden`` here, ``max_iter`` is ``epochs``, and its ``alpha`` is the strength of an L2
    penalty times the minibatch's number of examples.

    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from nn import iris
    >>> flowers = iris()
    >>> species = np.array(flowers.classes)[flowers.y]
    >>> pipeline = make_pipeline(StandardScaler(), MLPClassifier(hidden=(8,), epochs=50)).fit(flowers.X, species)
    >>> print(pipeline.predict([[5.1, 3.5, 1.4, 0.2]]))
    ['setosa']
    >>> float(cross_val_score(pipeline, flowers.X, species, cv=5).mean().round(2))
    0.97
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train a new network on X, of shape (examples, inputs), and labels y of any kind, of shape (examples,).

        Raises ``ValueError`` for data that cannot be learned from, :class:`DataError` for a single class,
        :class:`SettingError` for settings that cannot be used, :class:`DivergedError` as ``nn.fit`` does.

        >>> MLPClassifier(epochs=20).fit([[-1.0], [1.0]], ["left", "right"]).predict([[3.0], [-2.0]])
        array(['right', 'left'], dtype='<U5')
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        classes, indices = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise DataError(
                f"MLPClassifier needs at least two classes; y holds one class, {shown(classes.tolist()[0])}. "
                "Give examples of another; a stratified split keeps some of each."
            )
        self._train(X, indices, len(classes), softmax_cross_entropy)
        self.classes_ = classes
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, in the order of ``classes_``: shape (examples, classes).

        Raises ``NotFittedError`` before ``fit``, ``ValueError`` for another number of inputs.
        """
        return np.stack(softmax(list(self._outputs(X).T)), axis=1)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label of each example: shape (examples,).

        Raises as :meth:`predict_proba` does.
        """
        chosen = self._outputs(X).argmax(axis=1)
        labels: np.ndarray = self.classes_[chosen]
        return labels


class MLPRegressor(MultiOutputMixin, RegressorMixin, _MLPEstimator):  # type: ignore[misc]  # as above
    r"""A multilayer perceptron that learns numbers, by half the squared error (LECTURE rows 1 and 9 to 13).

    .. math:: E = \frac12 \sum_k (\hat{y}_k - y_k)^2

    The settings are those of :class:`MLPClassifier`, and so are ``model_`` and ``history_``.  Targets are taken as they
    are; far from 0 or much larger than 1 they are better standardized too, as scikit-learn's
    ``TransformedTargetRegressor`` does.

    >>> from nn import iris
    >>> X, species = iris()
    >>> sepals, petals = X[:, :2], X[:, 2:]
    >>> regressor = MLPRegressor(epochs=100).fit(sepals, petals)
    >>> regressor.predict([[5.1, 3.5]]).shape, round(regressor.score(sepals, petals), 2)
    ((1, 2), 0.84)
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train a new network on X, of shape (examples, inputs), and y of shape (examples,) or (examples, outputs).

        Raises ``ValueError`` for data that cannot be learned from, :class:`SettingError` for settings that cannot be
        used, :class:`DivergedError` as ``nn.fit`` does.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        self._train(X, y, y.shape[1] if y.ndim > 1 else 1, half_squared_error)
        self._shape_of_one: tuple[int, ...] = y.shape[1:]
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The numbers the network gives: shape (examples,) or (examples, outputs), as the y it was fitted to.

        Raises ``NotFittedError`` before ``fit``, ``ValueError`` for another number of inputs.
        """
        outputs = self._outputs(X)
        return outputs.reshape(len(outputs), *self._shape_of_one)


def _generator(random_state: RandomState) -> np.random.Generator:
    if isinstance(random_state, np.random.RandomState):  # which NumPy before 2.2 does not make a Generator of
        return np.random.default_rng(random_state.randint(2**31 - 1))
    return np.random.default_rng(random_state)
