from __future__ import annotations

import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadParameter
from shelfcast.pipeline.once import once


def test_the_same_key_is_worked_on_once_and_gives_the_same_answer():
    platform, calls = in_memory(), []

    def work():
        calls.append(1)
        return {"n": len(calls)}

    for _ in range(3):
        assert once(platform, "erp", "key-1", "pull", {"a": 1}, work) == {"n": 1}
    assert once(platform, "erp", "key-2", "pull", {"a": 1}, work) == {"n": 2}
    assert once(platform, "other", "key-1", "pull", {"a": 1}, work) == {"n": 3}, "keys belong to who sends them"


def test_a_key_used_for_another_request_is_refused():
    platform = in_memory()
    once(platform, "erp", "key-1", "pull", {"a": 1}, dict)
    with pytest.raises(BadParameter, match="another pull"):
        once(platform, "erp", "key-1", "pull", {"a": 2}, dict)
