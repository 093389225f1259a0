r"""Minimizers of the whole loss: SciPy's, fed with the engine's loss and gradient on all rows.

SciPy calls a function when it wants a loss; the engine computes the losses of all members at once.
So the minimizer of each member runs in a thread of its own, which waits for the loss of its member
(:class:`MinimizerRun`). An epoch is one evaluation.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wellfit.core.errors import InputError
from wellfit.core.hyper import hyper
from wellfit.optim.optimizers import Coefficients, Optimizer, Slots

Vector: TypeAlias = NDArray[np.float64]
Function: TypeAlias = Callable[[Vector], tuple[float, Vector]]


class Minimizer(Optimizer):
    """A rule that finds its own steps from losses and gradients on all rows.

    Batch size, learning rate and its schedule have no meaning here. The loss must not be random:
    no dropout, no noise.
    """

    learning_rate: float = hyper(
        "always 1: the line search finds the step", default=1.0, low=1, high=1, per_member=True
    )
    tolerance: float = hyper(
        "stop where no derivative is larger", default=1e-5, low=0, scale="log"
    )

    def slots(self) -> tuple[str, ...]:
        """Return the name of where the run started, from which it can be repeated."""
        return ("start",)

    def update(self, p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Move nothing: see :class:`MinimizerRun`."""
        raise NotImplementedError(
            "a minimizer moves by MinimizerRun.tell, since it needs the loss"
        )

    @abstractmethod
    def minimize(self, function: Function, start: Vector, bounds: Any = None) -> Any:
        """Run SciPy's minimizer and return its result.

        Args:
            function: returns the loss and the gradient (n,) at a point (n,).
            start: (n,) where from.
            bounds: (n, 2) the lowest and the highest value of each number; None for none.

        Raises:
            InputError: bounds for a minimizer that can't keep to them.
        """


class LBFGS(Minimizer, name="lbfgs"):
    """Limited-memory BFGS: second-order steps from the last gradients, for small data.

    Source: Liu and Nocedal, "On the limited memory BFGS method for large scale optimization",
    1989; SciPy's L-BFGS-B.

    >>> rosenbrock = lambda x: (((1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2), np.array(
    ...     [2 * (x[0] - 1) - 400 * x[0] * (x[1] - x[0] ** 2), 200 * (x[1] - x[0] ** 2)]))
    >>> LBFGS().minimize(rosenbrock, np.array([-1.0, 2.0])).x.round(3).tolist()
    [1.0, 1.0]
    """

    memory: int = hyper("gradients remembered", default=10, low=1, search=(3, 30))

    def minimize(self, function: Function, start: Vector, bounds: Any = None) -> Any:
        """Run ``scipy.optimize.minimize(method="L-BFGS-B")``."""
        from scipy.optimize import minimize

        options = {
            # Epochs limit the evaluations, not SciPy: its own limits are out of reach. ftol ends a
            # search whose loss no longer changes by more than rounding.
            "maxcor": self.memory, "gtol": self.tolerance, "ftol": 64 * np.finfo(float).eps,
            "maxiter": 10**9, "maxfun": 10**9, "maxls": 50,
        }  # fmt: skip
        return minimize(
            function, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )


class ConjugateGradient(Minimizer, name="conjugate_gradient"):
    """Nonlinear conjugate gradients: needs no memory of earlier gradients but the last.

    Source: Polak and Ribière, "Note sur la convergence de méthodes de directions conjuguées",
    1969; SciPy's CG.

    >>> bowl = lambda x: (float(x @ x), 2 * x)
    >>> bool(np.abs(ConjugateGradient().minimize(bowl, np.array([3.0, 4.0])).x).max() < 1e-6)
    True
    """

    def minimize(self, function: Function, start: Vector, bounds: Any = None) -> Any:
        """Run ``scipy.optimize.minimize(method="CG")``."""
        from scipy.optimize import minimize

        if bounds is not None:
            raise InputError("conjugate_gradient can't keep to bounds; expected lbfgs, or none")
        options = {"gtol": self.tolerance, "maxiter": 10**9}
        return minimize(function, start, jac=True, method="CG", options=options)


class _Closed(Exception):
    """Unwinds a minimizer that nobody waits for any longer."""


class MinimizerRun:
    """The minimization of one member: takes the loss at a point, returns the next point.

    >>> run, x = MinimizerRun(LBFGS(), np.array([3.0, 4.0])), np.array([3.0, 4.0])
    >>> while not run.done:
    ...     x = run.tell(float(x @ x), 2 * x)
    >>> bool(np.abs(x).max() < 1e-5)
    True
    """

    def __init__(self, rule: Minimizer, start: Vector) -> None:
        self.done = False
        self.best, self._lowest = start.copy(), np.inf
        self._rule, self._at = rule, start.copy()
        # Two queues hand control back and forth: only one of the two threads runs at any time, so
        # the results don't depend on timing.
        self._replies: SimpleQueue[tuple[float, Vector] | None] = SimpleQueue()
        self._points: SimpleQueue[Vector | BaseException | None] = SimpleQueue()
        # A daemon: a run that nobody closes must not keep the process alive.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._next()

    def tell(self, loss: float, gradient: Vector) -> Vector:
        """Return the next point to evaluate; where the run is ``done``, the lowest seen."""
        if self.done:
            return self.best
        if loss < self._lowest:
            self.best, self._lowest = self._at.copy(), loss
        self._replies.put((loss, gradient))
        return self._next()

    def close(self) -> None:
        """End the thread."""
        if not self.done:
            self.done = True
            self._replies.put(None)
            self._thread.join()

    def _next(self) -> Vector:
        point = self._points.get()
        if isinstance(point, BaseException):
            self.done = True
            raise point
        if point is None:
            self.done = True
            return self.best
        self._at = point
        return point

    def _run(self) -> None:
        try:
            self._rule.minimize(self._evaluate, self._at)
        except _Closed:
            return
        # Handed to the thread that waits, or an error here would leave it waiting for ever.
        except BaseException as error:
            self._points.put(error)
            return
        self._points.put(None)

    def _evaluate(self, x: Vector) -> tuple[float, Vector]:
        # A copy, since SciPy goes on to change x in place.
        self._points.put(np.array(x, dtype=np.float64))
        reply = self._replies.get()
        if reply is None:
            raise _Closed
        return reply
