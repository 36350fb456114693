"""What one device can make large: neither an entity's state nor an answer grows with what was not sent."""

import pytest

from techdengue.domain.operation import ErrorCode
from techdengue.intake import AnswerTooLarge, deciding

from .conftest import CUIABA, Speaker, created, sent

ROOMY = {f"{n:04d}": "x" * 40 for n in range(1000)}


async def test_answers_that_would_show_too_much_refuse_the_batch_and_record_nothing(device: Speaker) -> None:
    await device.send(created(1, "k0", metadata=ROOMY))
    parked = [
        sent("update", 1, f"p{n}", {"status": "CONCLUIDA"}, conflict_resolution_strategy="manual") for n in range(400)
    ]
    with pytest.raises(AnswerTooLarge):
        await device.send(*parked, device="device-b")
    answer = await device.send(*parked[:100], device="device-b")
    assert len(answer.conflicts) == 100
    assert not any(conflict.already_processed for conflict in answer.conflicts)


async def test_a_refused_answer_leaves_its_neighbours_in_the_group_alone(
    device: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await device.send(created(1, "k0", metadata=ROOMY))
    monkeypatch.setattr(deciding, "LARGEST_ANSWER", 1000)
    parked = sent("update", 1, "p", {"status": "CONCLUIDA"}, conflict_resolution_strategy="manual")
    with pytest.raises(AnswerTooLarge):
        await device.send(parked, device="device-b")
    answer = await device.send(sent("update", 1, "q", {"status": "CONCLUIDA"}), device="device-c")
    assert len(answer.successes) == 1


async def test_an_operation_that_is_small_on_the_wire_is_small_in_the_state(device: Speaker) -> None:
    name, leaves = "n" * 8000, {f"{n:x}": 1 for n in range(6000)}  # 58 kB as JSON, 48 MB as leaves under their paths
    answer = await device.send(created(1, "k0", metadata={name: leaves}), created(2, "k1"))
    assert [(refused.code, refused.path) for refused in answer.errors] == [(ErrorCode.INVALID_DATA, "/data/metadata")]
    assert [success.entity_id for success in answer.successes] == [2]


async def test_an_entity_that_is_full_can_still_be_deleted(device: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    await device.send(created(1, "k0", CUIABA))
    monkeypatch.setattr(deciding, "LARGEST_STATE", 1)
    answer = await device.send(sent("update", 1, "k1", {"status": "CONCLUIDA"}), sent("delete", 1, "k2"))
    assert [refused.idempotency_key for refused in answer.errors] == ["k1"]
    assert [success.idempotency_key for success in answer.successes] == ["k2"]
