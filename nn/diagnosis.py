r"""Reading learning curves: four questions, answered in words with their evidence (LECTURE row 21).

The answers follow from the curves alone, by the rules in :func:`diagnosis_of`; the shares they use are the
constants below.  Multiplying both curves by a positive number changes no verdict.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from autograd_core.table import Table
from nn.errors import ShapeError

Floats = NDArray[np.float64]
Verdict = Literal["yes", "barely", "no", "a gap", "too high", "too low", "looks right", "cannot say"]

FEWEST = 6  # epochs: six numbers in falling order are chance once in 720 times
CLEAR = 2.8  # standard deviations of Kendall's S; six numbers in order reach 2.82
BLOCKS = 20  # a long curve is read as the medians of so many parts
LARGEST = 1e300  # a loss beyond it counts as infinite, so that sums of two stay finite

TINY = 0.005  # of a curve's size
STILL = 0.01  # of a curve's scale, as are the next four
RISE = 0.05
GAP = 0.1
CLIMB = 0.2
SMALLEST_CLIMB = 0.02  # of a curve's size
STEADY = 1 / 2  # the last quarter's fall as a share of the first's, or the other way round


@dataclass(frozen=True)
class Answer:
    """A question, the verdict in a word or two, and the numbers it rests on.

    >>> print(Answer("Overfitting?", "no", "The validation loss is lowest in the last epoch."))
    Overfitting? No. The validation loss is lowest in the last epoch.
    """

    question: str
    verdict: Verdict
    evidence: str

    def __str__(self) -> str:
        return f"{self.question} {self.verdict.capitalize()}. {self.evidence}"


@dataclass(frozen=True)
class Diagnosis:
    """The answers to the four questions, in the lecture's order; prints in a terminal and in a notebook.

    >>> diagnosis = diagnosis_of(0.5 ** np.arange(20.0), np.array([]))
    >>> [answer.verdict for answer in diagnosis]
    ['yes', 'no', 'cannot say', 'looks right']
    """

    learning: Answer
    still_learning: Answer
    overfitting: Answer
    learning_rate: Answer

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The four answers in order."""
        return self.learning, self.still_learning, self.overfitting, self.learning_rate

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.answers)

    def __str__(self) -> str:
        return "\n".join(textwrap.fill(str(answer), 100, subsequent_indent="    ") for answer in self)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        rows = tuple((answer.question, answer.verdict, answer.evidence) for answer in self)
        return Table(("question", "answer", "evidence"), rows).to_html()


def diagnosis_of(loss: Any, validation_loss: Any) -> Diagnosis:
    r"""The four questions of LECTURE row 21 answered from the training and the validation loss, one number per epoch.

    ``validation_loss`` is empty without validation data.  Raises :class:`ShapeError` for curves of other than one
    dimension.  Losses may be negative.  The words below:

    - A curve has a *clear trend* if Kendall's S, the pairs of epochs in rising order less those in falling order,
      is at least 2.8 standard deviations from 0, :math:`\operatorname{Var} S = m(m-1)(2m+5)/18` for m epochs
      (Mann 1945; Kendall 1975).  It needs six epochs and no assumption on the noise but independence.  More than
      20 epochs are read as the medians of 20 consecutive parts.
    - The *end* of a curve is the median of its last tenth, its *range* goes from the lowest to the highest of its
      parts or first epoch, its *size* is the largest absolute value of its parts after the first fifth, and its
      *scale* is the smaller of range and size, but at least 1/20 of the range.  So neither a huge loss before the
      first steps nor a loss that cannot reach zero hides what happens later.

    The rules, with fewer than six epochs, or no validation data, answered by "cannot say":

    1. *Learning anything?*  Yes if the end is below the first epoch, and either the whole curve has a clear falling
       trend, or the first epoch lies higher above the last three quarters (above their 0.9-quantile) than these
       vary (their 0.1- to 0.9-quantile).  Barely if that fall is below 0.5 % of the loss.  No after nan or inf.
    2. *Still learning?*  Yes if the last quarter (ten epochs or more) has a clear falling trend, and the median of
       its second half is below that of its first by more than 1 % of the scale.
    3. *Overfitting?*  Yes if the validation loss rose and the training loss did not.  A curve *rose* if it has a
       clear rising trend since its lowest epoch, and its end is above its lowest part by more than 5 % of the scale
       and 0.5 % of the size.  A gap if it did not rise but the median of its distance from the training loss in the
       last quarter exceeds that in the first epoch, or zero, by more than 10 % of the training loss's scale.
    4. *Learning rate?*  Too high if the training loss became nan or infinite after the first epoch, rose (rule 3),
       or climbed again and again: at least three times, and once in 20 epochs, by more than 20 % of the scale
       and 2 % of the size (20 % of the size if nothing was learned) before it came back as far.  Of fewer than six
       epochs, if the last is the highest and the loss more than doubled.  Too low if the loss is still falling
       (rule 2) by about as much in the last quarter as in the first (their ratio is between 2/3 and 3/2) and half
       of it is left.  Else it looks right, if anything was learned.

    A loss can also hide things: on a parabola, a rate just below 2/lambda_max jumps over the valley to and fro
    while the loss falls as slowly and smoothly as with a rate that is far too low.

    >>> epoch = np.arange(1.0, 101.0)
    >>> diagnosis_of(np.exp(-epoch / 25), 0.3 + (epoch / 100 - 0.4) ** 2)
    Learning anything? Yes. The training loss fell from 0.9608 (epoch 1) to 0.02193 (median of epochs
        91-100).
    Still learning? Yes. ...
    Overfitting? Yes. Since epoch 40 the validation loss rose from 0.3, its lowest, to 0.6081 ...
    Learning rate too low or too high? Looks right. ...
    """
    training, validation = _Curve.of("training loss", loss), _Curve.of("validation loss", validation_loss)
    learning, still_learning = _learning(training), _still_learning(training)
    return Diagnosis(
        learning, still_learning, _overfitting(training, validation),
        _learning_rate(training, learning.verdict, still_learning.verdict),
    )


@dataclass(frozen=True)
class _Curve:
    """A loss by epoch until it was no longer finite, and what became of it then (``broken``, empty if nothing)."""

    name: str
    values: Floats
    broken: str

    @classmethod
    def of(cls, name: str, curve: Any) -> _Curve:
        values = np.asarray(curve, dtype=np.float64)
        if values.ndim != 1:
            raise ShapeError(f"The {name} must have one number per epoch; got the shape {values.shape}. Pass one curve.")
        bad = np.flatnonzero(~(np.abs(values) < LARGEST))
        if not bad.size:
            return cls(name, values, "")
        at = int(bad[0])
        return cls(name, values[:at], f"The {name} became {_number(values[at])} in epoch {at + 1}.")

    @property
    def epochs(self) -> int:
        return len(self.values)

    @property
    def first(self) -> float:
        return float(self.values[0])

    @property
    def last_tenth(self) -> slice:
        return slice(self.epochs - max(1, self.epochs // 10), self.epochs)

    @property
    def end(self) -> float:
        return float(np.median(self.values[self.last_tenth]))

    @property
    def lowest(self) -> int:
        return int(np.argmin(self.values))

    @cached_property
    def parts(self) -> Floats:
        return _parts(self.values)

    @property
    def range(self) -> float:
        return float(max(self.first, self.parts.max()) - self.parts.min())

    @property
    def size(self) -> float:
        return float(np.abs(_parts(self.values[self.epochs // 5 :])).max())

    @property
    def reach(self) -> float:
        return min(self.range, self.size)

    @property
    def scale(self) -> float:
        return max(float(np.ptp(_parts(self.values[self.epochs // 5 :]))), self.reach / 20)

    @property
    def rose(self) -> bool:
        since_lowest = self.values[self.lowest :]
        rise = self.end - self.parts.min()
        if not _clear_fall(-since_lowest):
            return False
        wobble = float(np.median(np.abs(np.diff(_parts(self.values[-max(10, len(since_lowest)):])))))
        return bool(rise > max(RISE * self.scale, TINY * self.size, 4 * wobble))

    def at(self, epoch: int) -> str:
        return _number(self.values[epoch])

    def median(self, epochs: slice) -> str:
        """The median over these epochs in words."""
        shown = _number(np.median(self.values[epochs]))
        if epochs.stop - epochs.start == 1:
            return f"{shown} (epoch {epochs.stop})"
        return f"{shown} (median of epochs {epochs.start + 1}-{epochs.stop})"

    @property
    def too_short(self) -> str:
        """Why nothing can be said, empty if something can."""
        if self.broken or self.epochs >= FEWEST:
            return self.broken
        return f"{self.epochs} epoch{'s are' if self.epochs != 1 else ' is'} too few; {FEWEST} or more are needed."


def _learning(training: _Curve) -> Answer:
    question = "Learning anything?"
    if training.broken:
        return Answer(question, "no", training.broken)
    if training.too_short:
        return Answer(question, "cannot say", training.too_short)
    fall = training.first - training.end
    to_end = f"from {_number(training.first)} (epoch 1) to {training.median(training.last_tenth)}"
    if fall <= 0 or not _clear_fall(training.values):
        return Answer(question, "no", f"The training loss went {to_end}, which is no clear fall.")
    if fall < TINY * max(abs(training.first), abs(training.end)):
        return Answer(question, "barely", f"The training loss fell {to_end}, by less than {TINY:.1%}.")
    return Answer(question, "yes", f"The training loss fell {to_end}.")


def _still_learning(training: _Curve) -> Answer:
    question = "Still learning?"
    if training.broken:
        return Answer(question, "no", training.broken)
    if training.too_short:
        return Answer(question, "cannot say", training.too_short)
    start = training.epochs - max(FEWEST, min(8, training.epochs // 2), training.epochs // 4)
    middle = (start + training.epochs) // 2
    earlier, later = slice(start, middle), slice(middle, training.epochs)
    fall = float(np.median(training.values[earlier]) - np.median(training.values[later]))
    trend = _trend(training.values[start:])
    changed = abs(fall) > STILL * training.scale
    numbers = f"from {training.median(earlier)} to {training.median(later)}"
    if changed and trend < -CLEAR:
        return Answer(question, "yes", f"The training loss still fell {numbers}.")
    if changed and trend > CLEAR:
        return Answer(question, "no", f"The training loss rose {numbers}.")
    return Answer(question, "no", f"The training loss went {numbers}, which is no clear fall.")


def _overfitting(training: _Curve, validation: _Curve) -> Answer:
    question = "Overfitting?"
    if not validation.epochs and not validation.broken:
        return Answer(question, "cannot say", "There are no validation data.")
    if validation.too_short or training.too_short:
        return Answer(question, "cannot say", validation.too_short or training.too_short)
    since = min(validation.lowest, training.epochs - 1)
    lowest = f"its lowest, {validation.at(validation.lowest)} in epoch {validation.lowest + 1}"
    gap = _gap(training, validation)
    if validation.rose and training.rose:
        rise = f"The validation loss rose from {lowest}, to {validation.median(validation.last_tenth)}"
        return Answer(question, "no", f"{rise}, but so did the training loss: the learning rate is in question.")
    if validation.rose:
        rise = f"Since epoch {validation.lowest + 1} the validation loss rose from {validation.at(validation.lowest)}"
        rise += f", its lowest, to {validation.median(validation.last_tenth)}"
        course = f"{training.at(since)} to {training.median(training.last_tenth)}"
        return Answer(question, "yes", f"{rise}, while the training loss went from {course}.")
    ends = f"The validation loss ended at {validation.median(validation.last_tenth)}, the training loss at"
    ends += f" {training.median(training.last_tenth)}"
    if gap:
        return Answer(question, "a gap", f"{ends}; the validation loss has not clearly risen from {lowest}.")
    return Answer(question, "no", f"{ends}; the validation loss has not clearly risen from {lowest}.")


def _learning_rate(training: _Curve, learning: Verdict, still_learning: Verdict) -> Answer:
    question = "Learning rate too low or too high?"
    if training.broken:
        if not training.epochs:
            return Answer(question, "cannot say", f"{training.broken} Look at the data and the initial weights as well.")
        return Answer(question, "too high", training.broken)
    if training.epochs < FEWEST:
        if training.epochs and training.values[-1] - training.first > abs(training.first) and training.values[-1] == training.values.max():
            return Answer(question, "too high", f"The training loss rose from {training.at(0)} to {training.at(-1)}.")
        return Answer(question, "cannot say", training.too_short)
    if training.end - training.first > abs(training.first):
        return Answer(question, "too high", f"The training loss rose from {training.at(0)} to {training.median(training.last_tenth)}.")
    lowest = f"{training.at(training.lowest)} in epoch {training.lowest + 1}"
    if training.rose:
        end = training.median(training.last_tenth)
        return Answer(question, "too high", f"The training loss rose from its lowest, {lowest}, to {end}.")
    height = max(0.5 * training.reach, 0.25 * training.size)
    climbs = _climbs(training.values, height)
    if climbs >= max(3, training.epochs / 50):
        times = f"{climbs} times in {training.epochs} epochs"
        return Answer(question, "too high", f"The training loss climbed by more than {_number(height)} {times}.")
    if still_learning == "yes":
        quarters = [float(np.median(part)) for part in np.array_split(training.values, 4)]
        early, late = quarters[0] - quarters[1], quarters[2] - quarters[3]
        if STEADY * early < late < early / STEADY and abs(training.first) < 2 * abs(training.end):
            return Answer(question, "too low", f"steady {early} {late}.")
    if learning == "yes":
        return Answer(question, "looks right", "The training loss fell without climbing again and again.")
    return Answer(question, "cannot say", "flat")


def _gap(training: _Curve, validation: _Curve) -> bool:
    shared = min(training.epochs, validation.epochs)
    distance = validation.values[:shared] - training.values[:shared]
    late = float(np.median(distance[-max(1, shared // 4):]))
    return late - max(0.0, distance[0]) > GAP * training.reach and _clear_fall(-distance)


def _parts(values: Floats) -> Floats:
    if len(values) <= BLOCKS:
        return values
    return np.array([np.median(part) for part in np.array_split(values, BLOCKS)])


def _trend(values: Floats) -> float:
    parts = _parts(values)
    count = len(parts)
    if count < FEWEST:
        return 0.0
    rising = np.sign(parts[None, :] - parts[:, None])[np.triu_indices(count, 1)].sum()
    return float(rising / sqrt(count * (count - 1) * (2 * count + 5) / 18))


def _clear_fall(values: Floats) -> bool:
    return len(values) >= FEWEST and (_trend(values) < -CLEAR or _plunged(values))


def _plunged(values: Floats) -> bool:
    low, high = np.quantile(values[len(values) // 4 or 1 :], [0.1, 0.9])
    return bool(values[0] - high > 2 * (high - low))


def _climbs(values: Floats, height: float) -> int:
    climbs, climbing, extreme = 0, False, float(values[0])
    for value in values:
        if climbing:
            extreme = max(extreme, value)
            if extreme - value > height:
                climbing, extreme = False, value
        else:
            extreme = min(extreme, value)
            if value - extreme > height:
                climbs, climbing, extreme = climbs + 1, True, value
    return climbs


def _number(x: Any) -> str:
    return f"{x:.4g}"
