from __future__ import annotations

from datetime import timedelta

import pytest

from shelfcast.adapters.memory import FixedClock, MemoryRecords
from shelfcast.domain.access import Principal, Role
from shelfcast.domain.errors import BadParameter, Conflict
from shelfcast.pipeline import manage_users
from shelfcast.pipeline.manage_users import SignInRefused

PASSWORD = "a long enough one"


@pytest.fixture
def records():
    return MemoryRecords()


@pytest.fixture
def clock():
    return FixedClock()


def test_a_user_signs_in_with_the_right_password_only(records, clock):
    manage_users.create_user(records, clock, "dana", PASSWORD, Role.PLANNER)
    assert manage_users.sign_in(records, clock, "dana", PASSWORD) == Principal("dana", Role.PLANNER)
    with pytest.raises(SignInRefused, match="name or password is wrong"):
        manage_users.sign_in(records, clock, "dana", "another long one")


def test_an_unknown_name_is_refused_in_the_same_words_as_a_wrong_password(records, clock):
    with pytest.raises(SignInRefused, match="name or password is wrong"):
        manage_users.sign_in(records, clock, "nobody", PASSWORD)


def test_five_failures_lock_the_account_for_a_quarter_of_an_hour(records, clock):
    manage_users.create_user(records, clock, "dana", PASSWORD, Role.VIEWER)
    for _ in range(manage_users.MAX_FAILURES):
        with pytest.raises(SignInRefused):
            manage_users.sign_in(records, clock, "dana", "wrong wrong wrong")
    with pytest.raises(SignInRefused, match="too many failed attempts"):
        manage_users.sign_in(records, clock, "dana", PASSWORD)
    clock.advance(manage_users.LOCKED_FOR + timedelta(seconds=1))
    assert manage_users.sign_in(records, clock, "dana", PASSWORD).name == "dana"


def test_a_password_is_never_stored_as_it_is(records, clock):
    manage_users.create_user(records, clock, "dana", PASSWORD, Role.VIEWER)
    assert PASSWORD not in str(records.get(manage_users.USERS, "dana").body)


def test_the_first_admins_code_works_once(records, clock):
    code = manage_users.first_admin_code(records, clock)
    assert code is not None
    assert manage_users.accept_invite(records, clock, code, "root", PASSWORD).role is Role.ADMIN
    with pytest.raises(SignInRefused, match="not valid any more"):
        manage_users.accept_invite(records, clock, code, "second", PASSWORD)
    assert manage_users.first_admin_code(records, clock) is None


def test_a_new_code_ends_the_one_before(records, clock):
    old = manage_users.first_admin_code(records, clock)
    manage_users.first_admin_code(records, clock)
    with pytest.raises(SignInRefused):
        manage_users.accept_invite(records, clock, old, "root", PASSWORD)


def test_a_code_older_than_a_day_is_refused(records, clock):
    code = manage_users.first_admin_code(records, clock)
    clock.advance(manage_users.INVITE_LIVES + timedelta(seconds=1))
    with pytest.raises(SignInRefused, match="too old"):
        manage_users.accept_invite(records, clock, code, "root", PASSWORD)


def test_a_taken_name_a_short_password_and_a_strange_name_are_refused(records, clock):
    manage_users.create_user(records, clock, "dana", PASSWORD, Role.VIEWER)
    with pytest.raises(Conflict, match="exists already"):
        manage_users.create_user(records, clock, "dana", PASSWORD, Role.VIEWER)
    with pytest.raises(BadParameter, match="at least 10"):
        manage_users.create_user(records, clock, "eve", "short", Role.VIEWER)
    with pytest.raises(BadParameter, match="not allowed"):
        manage_users.create_user(records, clock, "../etc", PASSWORD, Role.VIEWER)
