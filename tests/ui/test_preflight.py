from __future__ import annotations

from ui.preflight import BASE_LIBRARIES, X11_LIBRARIES, window_problem


def everything(_: str) -> bool:
    return True


def test_a_missing_library_is_named_by_its_debian_package() -> None:
    problem = window_problem(
        {"DISPLAY": ":0"}, platform="linux", can_load=lambda library: library != "libxcb-cursor.so.0"
    )
    assert problem is not None
    assert "sudo apt-get install libxcb-cursor0" in problem


def test_all_missing_libraries_come_in_one_command() -> None:
    problem = window_problem({"DISPLAY": ":0"}, platform="linux", can_load=lambda _: False)
    assert problem is not None
    assert all(package in problem for _, package in (*BASE_LIBRARIES, *X11_LIBRARIES))


def test_no_display_says_so_and_offers_the_way_without_a_window() -> None:
    problem = window_problem({}, platform="linux", can_load=everything)
    assert problem is not None
    assert "no display" in problem
    assert "--headless" in problem


def test_a_display_that_does_not_answer_is_told_before_qt_aborts() -> None:
    problem = window_problem({"DISPLAY": ":4242"}, platform="linux", can_load=everything)
    assert problem is not None
    assert ":4242 does not answer" in problem


def test_offscreen_needs_no_display_and_no_x_libraries() -> None:
    base = {library for library, _ in BASE_LIBRARIES}
    assert window_problem({"QT_QPA_PLATFORM": "offscreen"}, platform="linux", can_load=base.__contains__) is None


def test_other_systems_are_left_to_qt() -> None:
    assert window_problem({}, platform="win32", can_load=lambda _: False) is None
