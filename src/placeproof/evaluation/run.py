"""A whole evaluation: every method on the same pairs, into a folder that it can go on from.

The folder holds ``run.json`` (which suite), ``answers/`` and ``masks/`` (what each method says),
``costs/`` (what a pair costs) and, once all is answered, ``measures.json`` and ``report.html``
with its figures. Features are kept in ``features/``.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from placeproof import __version__
from placeproof.errors import EvaluationError, NotAnImageError, StorageError
from placeproof.evaluation import worker
from placeproof.evaluation.answer_file import AnswerFile
from placeproof.evaluation.cost import chosen_pairs, measure_cost
from placeproof.evaluation.feature_store import FeatureStore
from placeproof.evaluation.method import Method
from placeproof.evaluation.methods.registry import MethodSpec, make_method
from placeproof.evaluation.processes import processes
from placeproof.evaluation.scored import Cost, MethodResult
from placeproof.evaluation.suite import Suite
from placeproof.evaluation.worker import Job, Look
from placeproof.files import file_sha256, write_atomically

RUN_FILE = "run.json"
COSTS = "costs"
_T = TypeVar("_T")

_log = logging.getLogger(__name__)


class Progress(Protocol):
    """Told what is being done, how much of it there is, and when a piece is done."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """``done`` of ``total`` pieces of ``what`` are done."""
        ...


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How a run is made.

    Attributes:
        output: The run's folder.
        features: Folder in which features are kept; None: in the output.
        workers: Processes.
        costs: Whether to measure what a pair costs.
    """

    output: Path
    features: Path | None
    workers: int
    costs: bool


def evaluate(
    suite: Suite, specs: Sequence[MethodSpec], settings: RunSettings, progress: Progress
) -> list[MethodResult]:
    """Scores methods on a suite; what an earlier run in the same folder answered is not done again.

    Args:
        suite: The pairs.
        specs: The methods, each once.
        settings: How to run.
        progress: Told of every picture and pair.

    Returns:
        The methods' results in the order of ``specs``; the same whatever the number of processes,
        but for the costs.

    Raises:
        EvaluationError: If the folder holds an evaluation of other pairs, two methods have one
            name, or a process dies.
        PlaceproofError: If a picture cannot be read, a method's weights cannot be had, or the
            disk is full.
    """
    methods = [make_method(spec) for spec in specs]
    names = [method.name for method in methods]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise EvaluationError(f"two methods are called '{twice}'; a run has each once")
    _claim_folder(settings.output, suite)
    digests = _digests(suite)
    answered = []
    with processes(settings.workers, worker.one_thread) as pool:
        for spec, method in zip(specs, methods, strict=True):
            job = Job(spec, settings.features or settings.output / "features")
            answered.append(_answer_all(pool, job, method, suite, digests, settings, progress))
    results = []
    for spec, method, answers in zip(specs, methods, answered, strict=True):
        cost = _cost(spec, method, suite, settings, progress) if settings.costs else None
        results.append(
            MethodResult(
                name=method.name,
                title=method.title,
                source=method.source,
                weights=method.weights,
                answers=tuple(answers.answers[pair] for pair in range(len(suite.pairs))),
                masks=answers.load_masks,
                cost=cost,
            )
        )
    return results


def identity(method: Method) -> str:
    """SHA-256 of all that a method's answers depend on beside the pairs."""
    depends = [__version__, method.name, method.features_key, method.weights]
    return hashlib.sha256(json.dumps(depends).encode()).hexdigest()


def _answer_all(
    pool: ProcessPoolExecutor,
    job: Job,
    method: Method,
    suite: Suite,
    digests: Mapping[Path, str],
    settings: RunSettings,
    progress: Progress,
) -> AnswerFile:
    """One method's answers to all pairs."""
    count = len(suite.pairs)
    answers = AnswerFile(settings.output, method.name, identity(method), count)
    missing = [pair for pair in range(count) if pair not in answers.answers]
    looks = {
        pair: (
            Look(suite.pairs[pair].query, digests[suite.pairs[pair].query], False),
            Look(
                suite.pairs[pair].reference,
                digests[suite.pairs[pair].reference],
                suite.pairs[pair].panorama,
            ),
        )
        for pair in missing
    }
    store = FeatureStore(job.store)
    unknown = [
        look
        for look in dict.fromkeys(look for both in looks.values() for look in both)
        if not store.has(look.sha256, method.features_key, panorama=look.panorama)
    ]
    title = method.name
    kept = (pool.submit(worker.keep_features, job, look) for look in unknown)
    for done, _ in enumerate(_results(list(kept)), start=1):
        progress(f"{title}: pictures", done, len(unknown))
    said = (
        pool.submit(worker.answer, job, answers.masks, pair, *both) for pair, both in looks.items()
    )
    for pair, answer in _results(list(said)):
        answers.add(pair, answer)
        progress(f"{title}: pairs", len(answers.answers), count)
    answers.write()
    return answers


def _results(futures: Sequence[Future[_T]]) -> Iterator[_T]:
    """What futures return, as soon as each is done; all are cancelled if one fails."""
    try:
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise EvaluationError(
            "a process died, likely for want of memory; take fewer --workers: the same command "
            "goes on from here"
        ) from error
    finally:
        for future in futures:
            future.cancel()


def _claim_folder(folder: Path, suite: Suite) -> None:
    """Marks a folder as this suite's, or makes sure that it is."""
    path = folder / RUN_FILE
    mine = {"suite": suite.name, "about": suite.about, "fingerprint": suite.fingerprint()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            if any(folder.iterdir()):
                raise EvaluationError(f"'{folder}' is not empty and holds no evaluation")
            write_atomically(path, json.dumps(mine, indent=1).encode())
            return
        kept = json.loads(path.read_bytes())
    except OSError as error:
        raise StorageError(f"cannot use '{folder}': {error.strerror}") from error
    except ValueError as error:
        raise EvaluationError(f"'{path}' is damaged; name another folder") from error
    if not isinstance(kept, dict) or kept.get("fingerprint") != mine["fingerprint"]:
        raise EvaluationError(
            f"'{folder}' holds an evaluation of other pairs; name another folder, or delete it"
        )


def _digests(suite: Suite) -> dict[Path, str]:
    """SHA-256 of every picture's file."""
    digests = {}
    for path in dict.fromkeys(
        path for pair in suite.pairs for path in (pair.query, pair.reference)
    ):
        try:
            digests[path] = file_sha256(path)
        except OSError as error:
            raise NotAnImageError(f"cannot read '{path}': {error.strerror}") from error
    return digests


def _cost(
    spec: MethodSpec, method: Method, suite: Suite, settings: RunSettings, progress: Progress
) -> Cost:
    """What a pair costs, measured once."""
    path = settings.output / COSTS / f"{method.name}.json"
    try:
        path.parent.mkdir(exist_ok=True)
        kept: Any = json.loads(path.read_bytes())
        if kept["identity"] == identity(method):
            return Cost(**kept["cost"])
    except FileNotFoundError:
        pass
    except (ValueError, TypeError, KeyError):
        _log.warning("'%s' is damaged: the cost is measured again", path)
    except OSError as error:
        raise StorageError(f"cannot use '{path}': {error.strerror}") from error
    progress(f"{method.name}: cost", 0, 1)
    cost = measure_cost(spec, chosen_pairs(suite))
    entry = {"identity": identity(method), "cost": asdict(cost)}
    write_atomically(path, json.dumps(entry, indent=1).encode())
    return cost
