"""Four real sets, read from the files that scikit-learn brings along; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_core.extras import require


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A table of examples with its targets, and where it comes from; ``X, y = iris()`` takes it apart.

    ``X`` is float64 of shape (examples, features).  ``y`` has the shape (examples,): the labels 0, 1, ... as int64, or
    float64 targets, and then ``classes`` is empty.  ``features`` and ``classes`` hold the names of X's columns and
    of the labels.  Every call reads fresh arrays.

    >>> iris()
    Dataset(150 examples, 4 features, 3 classes: setosa, versicolor, virginica)
    """

    X: NDArray[np.float64]
    y: NDArray[Any]
    features: tuple[str, ...]
    classes: tuple[str, ...]
    source: str

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return iter((self.X, self.y))

    def __repr__(self) -> str:
        learned = f"{len(self.classes)} classes: {', '.join(self.classes)}" if self.classes else "numbers as targets"
        return f"Dataset({len(self.X)} examples, {len(self.features)} features, {learned})"


def digits() -> Dataset:
    """Handwritten digits: 1797 images of 8 x 8 pixels, X of shape (1797, 64) with whole numbers from 0 to 16.

    Column 8 r + c is the pixel in row r and column c; 0 is paper and 16 is ink.  Labels are the digits 0 to 9.
    Raises ``ImportError`` without the extra ``data``.

    >>> X, y = digits()
    >>> X.shape, int(X.min()), int(X.max()), y[:10]
    ((1797, 64), 0, 16, array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
    """
    return _read("digits", "Alpaydin and Kaynak, Optical Recognition of Handwritten Digits (test part), UCI, 1998")


def iris() -> Dataset:
    """Iris plants: 150 flowers, X of shape (150, 4) with lengths and widths in cm, 50 of each of three species.

    The numbers are those of Fisher's paper; UCI's copy differs in two rows.
    Raises ``ImportError`` without the extra ``data``.

    >>> X, y = iris()
    >>> X[0], np.bincount(y)
    (array([5.1, 3.5, 1.4, 0.2]), array([50, 50, 50]))
    """
    return _read("iris", "Fisher, The Use of Multiple Measurements in Taxonomic Problems, 1936")


def diabetes() -> Dataset:
    """Diabetes patients: X of shape (442, 10) in the units of the study, y how far the disease was a year later.

    X is not yet standardized (scikit-learn's default is, over all the rows, the test part's included).
    y are the targets of a regression, from 25 to 346.  Raises ``ImportError`` without the extra ``data``.

    >>> data = diabetes()
    >>> data.X.shape, float(data.y.mean().round(2)), data.classes
    ((442, 10), 152.13, ())
    """
    return _read("diabetes", "Efron, Hastie, Johnstone and Tibshirani, Least Angle Regression, 2004", scaled=False)


def breast_cancer() -> Dataset:
    """Tumours of the breast: X of shape (569, 30) with measures of cell nuclei, labels 0 (malignant) and 1 (benign).

    Raises ``ImportError`` without the extra ``data``.

    >>> X, y = breast_cancer()
    >>> X.shape, np.bincount(y)
    ((569, 30), array([212, 357]))
    """
    return _read("breast_cancer", "Wolberg, Street and Mangasarian, Breast Cancer Wisconsin (Diagnostic), UCI, 1995")


def _read(name: str, source: str, **settings: Any) -> Dataset:
    datasets = require("sklearn.datasets", "data", f"The set {name!r}")
    bunch = getattr(datasets, f"load_{name}")(**settings)
    classes = tuple(map(str, bunch.get("target_names", ())))
    return Dataset(
        X=np.asarray(bunch.data, dtype=np.float64),
        y=np.asarray(bunch.target, dtype=np.int64 if classes else np.float64),
        features=tuple(map(str, bunch.feature_names)),
        classes=classes,
        source=f"{source}; from scikit-learn's load_{name}",
    )
