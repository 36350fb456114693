"""Laws of delivery: repeats change nothing (2), nor do the cuts of batches (3), and in the end all agree (9)."""

from hypothesis import strategies as st

from techdengue.resolver import Rejection, document
from techdengue.resolver import resolve as ours
from techdengue.resolver.rule_sets import Resolve
from techdengue.testing.histories import History, device_histories
from techdengue.testing.patches import same
from techdengue.testing.play import play
from techdengue.testing.server import Arrival, Decision, Request, Server

from .run import run

Places = list[tuple[int, int]]


def check_idempotence(*, resolve: Resolve = ours) -> None:
    """Law 2, idempotence: repeating any operations anywhere in the delivery changes nothing."""
    places = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=5)
    examples = st.tuples(device_histories(), places)
    run(examples, lambda example: assert_idempotence(*example, resolve=resolve))


def assert_idempotence(history: History, places: Places, *, resolve: Resolve = ours) -> None:
    """Law 2 for one history: each place `(which, where)` repeats arrival `which`, `where` arrivals later."""
    arrivals = play(history, resolve=resolve).arrivals
    once = Server(resolve)
    accepted = [_accepted(arrival, once) for arrival in arrivals]
    again = Server(resolve)
    for number, arrival in enumerate(arrivals):
        again.receive(arrival)
        for repeat in _repeats(accepted[: number + 1], places, number):
            size = len(again.log)
            answers = again.receive(_late(repeat, arrival.received_at))
            assert len(again.log) == size, f"{repeat} was recorded twice"
            assert all(not isinstance(answer.result, Rejection) for answer in answers)
    assert again.workbench.encoded() == once.workbench.encoded()


def _accepted(arrival: Arrival, server: Server) -> Request | None:
    """What of an arrival is in the log, for only that has a key."""
    answers = server.receive(arrival)
    if isinstance(arrival, Decision):
        return None
    kept = [
        sent
        for sent, answer in zip(arrival.operations, answers, strict=True)
        if not isinstance(answer.result, Rejection)
    ]
    return Request(
        device=arrival.device, operations=tuple(kept), received_at=arrival.received_at, sent_at=arrival.sent_at
    )


def _repeats(accepted: list[Request | None], places: Places, now: int) -> list[Request]:
    due = [which for which, later in places if which < len(accepted) and which + later == now]
    return [request for which in due if (request := accepted[which]) is not None]


def _late(request: Request, received_at: int) -> Request:
    return Request(
        device=request.device,
        operations=request.operations,
        received_at=received_at,
        sent_at=request.sent_at,
    )


def check_batch_independence(*, resolve: Resolve = ours) -> None:
    """Law 3, batch independence: how batches are cut and which process takes each changes no state."""
    examples = st.tuples(device_histories(), st.lists(st.integers(1, 3), min_size=1, max_size=6))
    run(examples, lambda example: assert_batch_independence(*example, resolve=resolve))


def assert_batch_independence(history: History, cuts: list[int], *, resolve: Resolve = ours) -> None:
    """Law 3 for one history: batches as they came against batches of at most `cuts` operations, in turn.

    The second server keeps nothing in memory: each state goes through its bytes, as between processes.
    """
    arrivals = play(history, resolve=resolve).arrivals
    whole, cut = Server(resolve), Server(resolve, stored=True)
    for number, arrival in enumerate(arrivals):
        whole.receive(arrival)
        for part in _parts(arrival, cuts[number % len(cuts)]):
            cut.receive(part)
    assert cut.workbench.encoded() == whole.workbench.encoded()
    assert cut.workbench.verdicts == whole.workbench.verdicts


def _parts(arrival: Arrival, size: int) -> list[Arrival]:
    if isinstance(arrival, Decision):
        return [arrival]
    return [
        Request(
            device=arrival.device,
            operations=arrival.operations[start : start + size],
            received_at=arrival.received_at,
            sent_at=arrival.sent_at,
        )
        for start in range(0, len(arrival.operations), size)
    ]


def check_convergence(*, resolve: Resolve = ours) -> None:
    """Law 9, convergence: when every device has pushed and pulled to the end, all hold the server's documents."""
    run(device_histories(), lambda example: assert_convergence(example, resolve=resolve))


def assert_convergence(history: History, *, resolve: Resolve = ours) -> None:
    """Law 9 for one history. Devices fetch what has a new version: a change that took none would be missed."""
    played = play(history, resolve=resolve, to_the_end=True)
    truth = {entity: document(state) for entity, state in played.server.states().items()}
    for device in played.devices.values():
        held = {entity: document(state) for entity, state in device.holds.items()}
        assert same(held, truth), f"{device.name} holds {held}, the server {truth}"
