"""Reading learning curves: four questions, answered in words with their evidence (LECTURE row 21)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_core.table import Table
from nn.errors import ShapeError

Floats = NDArray[np.float64]
Verdict = Literal["yes", "barely", "no", "a gap", "too high", "too low", "looks right", "cannot say"]

FEWEST = 6  # epochs; so many numbers in falling order are chance once in 720 times
CLEAR = 2.8  # standard deviations of Kendall's S; six numbers in order reach 2.82
PARTS = 20  # a longer curve is read as the medians of so many parts
LARGEST = 1e300  # a loss beyond counts as infinite, so that the sum of two is finite

SMALL = 0.01  # a share of the curve's own size, or of its scale, that does not count
RISE = 0.05  # of the reach
WOBBLE = 5  # a rise in units of the median change from part to part
GAP = 0.25  # of the reach
CLIMB, CLIMB_OF_SIZE = 0.5, 0.25  # of the reach, of the size
STEADY = 0.5  # the falls of the first and of the last quarter, the smaller as a share of the larger


@dataclass(frozen=True)
class Answer:
    """A question, the verdict in a word or two, and the numbers it rests on.

    >>> print(Answer("Overfitting?", "cannot say", "There are no validation data."))
    Overfitting? Cannot say. There are no validation data.
    """

    question: str
    verdict: Verdict
    evidence: str

    def __str__(self) -> str:
        return f"{self.question} {self.verdict.capitalize()}. {self.evidence}"


@dataclass(frozen=True)
class Diagnosis:
    """The answers to the four questions in the lecture's order; it shows itself in a terminal and in a notebook.

    >>> diagnosis = diagnosis_of(0.5 ** np.arange(20), [])
    >>> [answer.verdict for answer in diagnosis]
    ['yes', 'no', 'cannot say', 'looks right']
    >>> print(diagnosis.still_learning)
    Still learning? No. The training loss went from 9.155e-05 (median of epochs 13-16) to 5.722e-06 ...
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


def diagnosis_of(loss: ArrayLike, validation_loss: ArrayLike) -> Diagnosis:
    r"""The four questions of LECTURE row 21 about the training and the validation loss, one number per epoch each.

    ``validation_loss`` is empty without validation data.  Losses may be negative, and multiplying both curves by
    a positive number changes no verdict.  Raises :class:`ShapeError` for a curve of other than one dimension.

    The rules speak of a curve's

    - *parts*: its epochs, or the medians of 20 consecutive parts if there are more; *end*: the median of its last
      tenth; *size*: the largest absolute value of the parts after the first fifth of the epochs;
    - *reach*: its size, or the range of its parts and first epoch, whichever is smaller; *scale*: the range of the
      parts after the first fifth, but at least 1/20 of the reach.  So neither a huge loss before the first steps
      nor a loss far from zero hides what happens later;
    - *clear fall*: of m parts, Kendall's S, the pairs in falling order less those in rising order, is more than 2.8
      standard deviations, :math:`\operatorname{Var} S = m(m-1)(2m+5)/18` (Mann, 1945; Kendall, 1975); or the first
      epoch lies higher above the last three quarters than twice what these vary (0.1- to 0.9-quantile, above the
      latter).  *Clear rise* is the same upside down.  Both need six epochs, and take the noise of one epoch to be
      independent of the next one's.

    1. *Learning anything?*  Yes if the whole training loss has a clear fall and its end is below its first epoch,
       barely if by less than 1 % of the loss, else no; no if the loss became nan or infinite.
    2. *Still learning?*  Yes if the last quarter of the training loss (at least eight epochs, of fewer than 16
       half of them, but at least six) has a clear fall by S, and the median of its second half is below that of
       its first half by more than 1 % of the scale; else no.
    3. *Overfitting?*  Yes if the validation loss rose and the training loss did not.  A curve *rose* if it has a clear
       rise since its lowest epoch, and its end is above its lowest part by more than 5 % of the reach, 1 % of the
       size and 5 times the median change from part to part in that time (in ten epochs or more).  A gap if it did
       not rise, but its distance to the training loss has a clear rise, and its median over the last quarter is
       above that of the first epoch, and above zero, by more than 25 % of the training loss's reach.  Else no.
    4. *Learning rate too low or too high?*  Too high if the training loss became nan or infinite after the first
       epoch, ended above its first epoch by more than that epoch's absolute value (which needs two epochs only),
       rose (rule 3), or climbed again and again: after the first fifth of the epochs, from a low to the next high by
       more than half its reach and a quarter of its size (or, whatever these, by more than the first epoch and the
       median part), at least three times and once in 50 epochs.  Too low if it is still learning (rule 2), its falls
       from the first quarter of the epochs to the second and from the third to the last differ by a factor below 2,
       and more than half of the first epoch's loss is left.  Else it looks right if the loss fell (rule 1).

    The answer to all else is "cannot say": fewer than six epochs, no validation data or nan among it, a rate at
    which nothing happened.  Curves do not show everything: on a parabola, a rate just below 2/lambda_max jumps to
    and fro across the valley, and the loss falls as slowly and smoothly as if the rate were too low.

    >>> epoch = np.arange(1, 101)
    >>> diagnosis_of(np.exp(-epoch / 25), 0.3 + (epoch / 100 - 0.4) ** 2)
    Learning anything? Yes. The training loss fell from 0.9608 (epoch 1) to 0.02193 (median of epochs
        91-100).
    Still learning? Yes. The training loss still fell from 0.0384 (median of epochs 76-87) to 0.02328
        (median of epochs 88-100).
    Overfitting? Yes. Since epoch 40 the validation loss rose from 0.3, its lowest, to 0.608 (median of
        epochs 91-100), while the training loss went from 0.2019 to 0.02193 (median of epochs 91-100).
    Learning rate too low or too high? Looks right. The training loss fell, ended at 0.02193 (median of
        epochs 91-100) with 0.01832 in epoch 100 its lowest, and never climbed by more than 0.2033.
    """
    training, validation = _Curve.of("training loss", loss), _Curve.of("validation loss", validation_loss)
    learning, still_learning = _learning(training), _still_learning(training)
    return Diagnosis(
        learning, still_learning, _overfitting(training, validation),
        _learning_rate(training, learning.verdict == "yes", still_learning.verdict == "yes"),
    )


@dataclass(frozen=True)
class _Curve:
    """A loss by epoch as long as it was finite; ``broken`` says what became of it then, empty if nothing."""

    name: str
    values: Floats
    broken: str

    @classmethod
    def of(cls, name: str, curve: ArrayLike) -> _Curve:
        values = np.asarray(curve, dtype=np.float64)
        if values.ndim != 1:
            raise ShapeError(
                f"The {name} must have one number per epoch; got the shape {values.shape}. Pass one run's curve, "
                "such as history.loss."
            )
        bad = np.flatnonzero(~(np.abs(values) < LARGEST))
        if not bad.size:
            return cls(name, values, "")
        at = int(bad[0])
        return cls(name, values[:at], f"The {name} became {_number(values[at])} in epoch {at + 1}.")

    @property
    def epochs(self) -> int:
        return len(self.values)

    @property
    def silent(self) -> str:
        """Why the curve cannot be read, empty if it can."""
        if self.broken or self.epochs >= FEWEST:
            return self.broken
        count = f"{self.epochs} epoch{'' if self.epochs == 1 else 's'}"
        return f"The {self.name} has {count}; {FEWEST} or more are needed."

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
        """The index of the epoch with the lowest loss."""
        return int(np.argmin(self.values))

    @cached_property
    def parts(self) -> Floats:
        return _parts(self.values)

    @cached_property
    def later_parts(self) -> Floats:
        return _parts(self.values[self.epochs // 5 :])

    @property
    def size(self) -> float:
        return float(np.abs(self.later_parts).max())

    @property
    def reach(self) -> float:
        return min(self.size, float(np.ptp([self.first, *self.parts])))

    @property
    def scale(self) -> float:
        return max(float(np.ptp(self.later_parts)), self.reach / 20)

    @cached_property
    def rose(self) -> bool:
        since_lowest = self.values[self.lowest :]
        rise = self.end - float(self.parts.min())
        changes = np.abs(np.diff(_parts(self.values[-max(10, len(since_lowest)) :])))
        least = max(RISE * self.reach, SMALL * self.size, WOBBLE * float(np.median(changes)))
        return rise > least and _clearly_falls(-since_lowest)

    @property
    def climbs(self) -> tuple[int, float]:
        """How often the curve climbed, after the first fifth, by more than the height it comes with."""
        usual = max(abs(self.first), float(np.median(np.abs(self.later_parts))))
        height = min(usual, max(CLIMB * self.reach, CLIMB_OF_SIZE * self.size))
        return _climbs(self.values[self.epochs // 5 :], height), height

    def epoch(self, index: int) -> str:
        return f"{_number(self.values[index])} in epoch {index + 1}"

    def median(self, epochs: slice) -> str:
        """The median over these epochs in words."""
        of = f"median of epochs {epochs.start + 1}-{epochs.stop}"
        if epochs.stop - epochs.start == 1:
            of = f"epoch {epochs.stop}"
        return f"{_number(float(np.median(self.values[epochs])))} ({of})"

    @property
    def ending(self) -> str:
        """The end in words."""
        return self.median(self.last_tenth)


def _learning(training: _Curve) -> Answer:
    question = "Learning anything?"
    if training.silent:
        return Answer(question, "no" if training.broken else "cannot say", training.silent)
    fall = training.first - training.end
    course = f"from {_number(training.first)} (epoch 1) to {training.ending}"
    if fall <= 0 or not _clearly_falls(training.values):
        return Answer(question, "no", f"The training loss went {course}; that is no clear fall.")
    if fall < SMALL * max(abs(training.first), abs(training.end)):
        return Answer(question, "barely", f"The training loss fell {course}; that is less than {SMALL:.0%}.")
    return Answer(question, "yes", f"The training loss fell {course}.")


def _still_learning(training: _Curve) -> Answer:
    question = "Still learning?"
    if training.silent:
        return Answer(question, "no" if training.broken else "cannot say", training.silent)
    start = training.epochs - max(FEWEST, min(8, training.epochs // 2), training.epochs // 4)
    middle = (start + training.epochs) // 2
    halves = slice(start, middle), slice(middle, training.epochs)
    fall = float(np.median(training.values[halves[0]]) - np.median(training.values[halves[1]]))
    course = " to ".join(training.median(half) for half in halves)
    if _trend(training.values[start:]) < -CLEAR and fall > SMALL * training.scale:
        return Answer(question, "yes", f"The training loss still fell from {course}.")
    return Answer(question, "no", f"The training loss went from {course}; that is no clear fall.")


def _overfitting(training: _Curve, validation: _Curve) -> Answer:
    question = "Overfitting?"
    if not (validation.epochs or validation.broken):
        return Answer(question, "cannot say", "There are no validation data.")
    if validation.silent or training.silent:
        return Answer(question, "cannot say", validation.silent or training.silent)
    if validation.rose and not training.rose:
        since = min(validation.lowest, training.epochs - 1)
        return Answer(
            question, "yes",
            f"Since epoch {validation.lowest + 1} the validation loss rose from "
            f"{_number(validation.values[validation.lowest])}, its lowest, to {validation.ending}, while the training "
            f"loss went from {_number(training.values[since])} to {training.ending}.",
        )
    ends = (
        f"The validation loss ended at {validation.ending} with {validation.epoch(validation.lowest)} its lowest, "
        f"the training loss at {training.ending}"
    )
    if validation.rose:
        return Answer(question, "no", f"{ends} with {training.epoch(training.lowest)} its lowest: both rose.")
    if _gap_grew(training, validation):
        return Answer(question, "a gap", f"{ends}: they have moved apart, but the former has not clearly risen.")
    return Answer(question, "no", f"{ends}.")


def _gap_grew(training: _Curve, validation: _Curve) -> bool:
    shared = min(training.epochs, validation.epochs)
    distance = validation.values[:shared] - training.values[:shared]
    late = float(np.median(distance[-(shared // 4 or 1) :]))
    return late - max(0.0, float(distance[0])) > GAP * training.reach and _clearly_falls(-distance)


def _learning_rate(training: _Curve, learned: bool, still_learning: bool) -> Answer:
    question = "Learning rate too low or too high?"
    if why := _too_high(training):
        return Answer(question, "too high", why)
    if training.silent:
        also = " The data or the first weights can be the cause as well." if training.broken else ""
        return Answer(question, "cannot say", training.silent + also)
    if still_learning and (why := _too_low(training)):
        return Answer(question, "too low", why)
    if learned:
        count, height = training.climbs
        climb = f"climbed by more than {_number(height)}"
        climbs = f"{climb} only {count} time{'' if count == 1 else 's'}" if count else f"never {climb}"
        course = f"ended at {training.ending} with {training.epoch(training.lowest)} its lowest"
        return Answer(
            question, "looks right",
            f"The training loss fell, {course}, and {climbs}.",
        )
    low, high = (_number(float(extreme)) for extreme in (training.values.min(), training.values.max()))
    causes = "A rate far too low, one too high, dead units and wrong data can all look like this."
    return Answer(question, "cannot say", f"The training loss stayed between {low} and {high}. {causes}")


def _too_high(training: _Curve) -> str:
    """What shows that the rate is too high, empty if nothing does."""
    if training.broken or not training.epochs:
        return training.broken if training.epochs else ""
    if training.end - training.first > abs(training.first):
        return f"The training loss rose from {_number(training.first)} (epoch 1) to {training.ending}."
    if training.silent:
        return ""
    if training.rose:
        return f"The training loss rose from its lowest, {training.epoch(training.lowest)}, to {training.ending}."
    count, height = training.climbs
    if count >= max(3, training.epochs / 50):
        return f"The training loss climbed by more than {_number(height)} {count} times in {training.epochs} epochs."
    return ""


def _too_low(training: _Curve) -> str:
    """What shows that the rate of a loss still falling is too low, empty if nothing does."""
    medians = [float(np.median(quarter)) for quarter in np.array_split(training.values, 4)]
    early, late = medians[0] - medians[1], medians[2] - medians[3]
    is_steady = min(early, late) > STEADY * max(early, late)
    if not is_steady or 2 * abs(training.end) < abs(training.first):
        return ""
    return (
        f"The training loss fell slowly and steadily, by {_number(early)} from the first quarter of the epochs to the "
        f"second and by {_number(late)} from the third to the last, and ended at {training.ending}. A rate just below "
        "the largest that works can look the same."
    )


def _clearly_falls(values: Floats) -> bool:
    return len(values) >= FEWEST and (_trend(values) < -CLEAR or _plunged(values))


def _trend(values: Floats) -> float:
    """Kendall's S, positive for a rise, in units of its standard deviation without a trend (Mann, 1945)."""
    parts = _parts(values)
    count = len(parts)
    pairs = np.triu_indices(count, 1)
    surplus = float(np.sign(parts[pairs[1]] - parts[pairs[0]]).sum())
    return surplus / sqrt(count * (count - 1) * (2 * count + 5) / 18)


def _plunged(values: Floats) -> bool:
    """Whether the first value stands out above the last three quarters."""
    low, high = np.quantile(values[len(values) // 4 :], [0.1, 0.9])
    return bool(values[0] - high > 2 * (high - low))


def _parts(values: Floats) -> Floats:
    if len(values) <= PARTS:
        return values
    length, longer = divmod(len(values), PARTS)
    cut = longer * (length + 1)
    blocks = values[:cut].reshape(-1, length + 1), values[cut:].reshape(-1, length)
    return np.concatenate([np.median(block, axis=1) for block in blocks])


def _climbs(values: Floats, height: float) -> int:
    """How often the curve went up by more than ``height``, having come down by as much in between."""
    climbs, is_high, extreme = 0, False, float(values[0])
    for value in values.tolist():
        extreme = max(extreme, value) if is_high else min(extreme, value)
        if abs(value - extreme) > height:
            climbs += not is_high
            is_high, extreme = not is_high, value
    return climbs


def _number(x: float) -> str:
    return f"{x:.4g}"
