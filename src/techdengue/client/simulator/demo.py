"""Loading the demo territory. Loading it again changes nothing."""

from collections import Counter
from collections.abc import Callable

import msgspec

from techdengue.client.errors import Unreachable
from techdengue.client.oplog import RefusedLine, push_log
from techdengue.client.transport import HttpTransport
from techdengue.domain.operation import Outcome

from .demo_script import DemoBatch, write_demo

TokenFactory = Callable[[str, tuple[str, ...]], str]


class DemoReport(msgspec.Struct, frozen=True, kw_only=True):
    """What loading did. `repeated` operations were there before: all of them, when the demo is loaded already."""

    operations: int
    outcomes: dict[str, int]
    repeated: int
    refused: tuple[RefusedLine, ...]

    @property
    def open_conflicts(self) -> int:
        """Conflicts that the demo leaves for somebody to settle."""
        return self.outcomes.get(Outcome.CONFLICT.value, 0)


async def load_demo(
    base_url: str,
    token_factory: TokenFactory,
    *,
    patience: float = 60.0,
    progress: Callable[[int, int], None] | None = None,
) -> DemoReport:
    """Send the demo's operations: atividade 1 in Cuiabá, a week of eight devices in four municípios, open conflicts.

    `token_factory` gives a CAMPO token for a user and municípios; `progress` is told (operations sent, of how many).
    Raises LinkError; what was sent until then is there, and loading again goes on.
    """
    batches = list(write_demo())
    total = sum(len(batch.operations) for batch in batches)
    outcomes: Counter[str] = Counter()
    refused: list[RefusedLine] = []
    sent = repeated = 0
    async with HttpTransport() as transport:
        for batch in batches:
            report = await push_log(
                batch.operations,
                base_url,
                batch.device_id,
                _token(token_factory, batch),
                patience=patience,
                transport=transport,
            )
            if report.problem is not None:
                raise Unreachable(report.problem)
            outcomes.update(report.outcomes)
            refused.extend(report.refused)
            repeated += report.repeated
            sent += len(batch.operations)
            if progress is not None:
                progress(sent, total)
    return DemoReport(operations=total, outcomes=dict(outcomes), repeated=repeated, refused=tuple(refused))


def _token(token_factory: TokenFactory, batch: DemoBatch) -> Callable[[], str]:
    return lambda: token_factory(batch.user, (batch.municipio,))
