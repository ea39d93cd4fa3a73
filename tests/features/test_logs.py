"""Logs and traces are shortened, what people wrote around them is not."""

from __future__ import annotations

import pytest

from features.logs import MOST_LOG_LINES, marked_lines, shorten_logs


def _python_trace(library_frames: int) -> str:
    frames = "\n".join(
        f'  File "/usr/lib/python3.11/site-packages/web/step{number}.py", line {number}, in call\n    step({number})'
        for number in range(library_frames)
    )
    return f"Traceback (most recent call last):\n{frames}\nValueError: no such plant"


def _java_trace(frames: int) -> str:
    lines = "\n".join(f"\tat com.haneul.erp.Step{number}.run(Step{number}.java:{number})" for number in range(frames))
    return f"java.lang.IllegalStateException: closed\n{lines}\n\t... 23 more"


def test_keeps_exception_and_outer_frames() -> None:
    """Of a long trace the exception and the first and last frames stay."""
    shortened = shorten_logs(f"배포 후 이렇게 납니다\n{_python_trace(20)}")
    assert "ValueError: no such plant" in shortened
    assert shortened.startswith("배포 후 이렇게 납니다\n")
    assert "step0.py" in shortened
    assert "step19.py" in shortened
    assert "step10.py" not in shortened


def test_keeps_frames_of_own_code() -> None:
    """A frame outside installed packages stays wherever it stands."""
    lines = _python_trace(12).split("\n")
    lines[11:11] = ['  File "/srv/warehouse/pick.py", line 7, in pick', "    plant = find(code)"]
    shortened = shorten_logs("\n".join(lines))
    assert "/srv/warehouse/pick.py" in shortened
    assert "plant = find(code)" in shortened
    assert "step7.py" not in shortened


def test_shortens_java_frames() -> None:
    """Java's frames are shortened like Python's."""
    shortened = shorten_logs(_java_trace(40))
    assert "IllegalStateException: closed" in shortened
    assert "Step0.run" in shortened
    assert len(shortened.split("\n")) < 12


def test_short_traces_stay() -> None:
    """A trace of two frames is left as it is."""
    assert shorten_logs(_python_trace(2)) == _python_trace(2)


def test_repeated_entries_collapse() -> None:
    """Entries that differ only in time and numbers are kept once, and the first time stamp stays."""
    log = "\n".join(
        f"2026-05-03 09:12:{second:02} ERROR [pool-{second}] timeout after {second} ms" for second in range(30)
    )
    assert (
        shorten_logs(f"서버 로그입니다\n{log}")
        == "서버 로그입니다\n2026-05-03 09:12:00 ERROR [pool-0] timeout after 0 ms"
    )


def test_error_entries_are_kept_of_a_long_log() -> None:
    """Of a long log the entries that tell of trouble stay, at most a dozen."""
    words = ["alpha", "beta", "gamma", "delta", "kappa", "sigma", "omega", "zeta", "theta", "iota", "rho", "tau", "phi"]
    noise = [f"09:12:{number:02} INFO service={word} started" for number, word in enumerate(words)]
    trouble = ["09:13:01 ERROR service=db connection refused", "09:13:05 WARN service=mail queue full"]
    shortened = shorten_logs("\n".join([*noise, *trouble])).split("\n")
    assert [line for line in shortened if "ERROR" in line or "WARN" in line] == [
        "ERROR service=db connection refused",
        "WARN service=mail queue full",
    ]
    assert len(shortened) <= MOST_LOG_LINES


def test_chat_with_time_stamps_is_no_log() -> None:
    """A chat transcript keeps every line."""
    chat = "\n".join(f"10:02:{number:02} Customer: sentence {'x' * number} about my mouse" for number in range(20))
    assert shorten_logs(chat) == chat


def test_code_stays() -> None:
    """Code without traces or stamps is left alone."""
    code = "\n".join(
        ["for plant in plants:", "    if plant < 3:", "        print(plant)", "    else:", "        break", "", "왜요?"]
    )
    assert shorten_logs(code) == code


def test_shortening_twice_changes_nothing() -> None:
    """A shortened text is short."""
    for text in (_python_trace(30), _java_trace(30)):
        once = shorten_logs(text)
        assert shorten_logs(once) == once


@pytest.mark.parametrize(
    "log",
    [
        _python_trace(3),
        _java_trace(3),
        "2026-05-03 09:12:01 INFO [main] step ok\n2026-05-03 09:12:02 ERROR [main] disk is full",
        "Mar  4 09:20:11 gw-02 charon[1881]: sending DPD request\ngw-02 charon[1881]: retransmit 1\ngw-02 kernel: down",
        '10.20.4.17 - - [04/Mar/2026:09:31:02 +0900] "GET / HTTP/1.1" 502 157\n'
        '10.20.4.21 - - [04/Mar/2026:09:31:09 +0900] "POST /order HTTP/1.1" 504 160',
        "Log Name:      Application\nEvent ID:      1002\nLevel:         Error",
        "   IPv4 Address. . . . . . . . . . . : 169.254.17.3\n   Subnet Mask . . . . . . . . . . . : 255.255.0.0",
        '{"level":"error","msg":"refused"}\n{"level":"info","msg":"again"}',
    ],
)
def test_the_lines_of_a_log_are_marked(log: str) -> None:
    """What programs write is told from what stands around it, be it Korean or English."""
    marked = marked_lines(f"출고 화면이 멈춥니다\n\nsee below please\n{log}\n\n왜 이러나요?")
    assert [line for line, is_log in marked if is_log] == log.split("\n")
    assert "\n".join(line for line, _ in marked) == f"출고 화면이 멈춥니다\n\nsee below please\n{log}\n\n왜 이러나요?"


@pytest.mark.parametrize(
    "text",
    [
        "The printer is broken\nPlease help\nError: it says paper jam",
        "10:02:01 Customer: my mouse is dead\n10:02:09 Agent: which one?\n10:03:11 Customer: the grey one",
        "for plant in plants:\n    print(plant)\nTypeError: 'int' object is not callable",
        "ERROR: 서버에 연결할 수 없습니다\nERROR: 다시 시도하세요",
        "Name: Kim\nFloor: 3\nDevice: laptop",
        "",
        "\n\n",
    ],
)
def test_what_people_write_is_no_log(text: str) -> None:
    """A chat, a form, code, a single error line and what is said in Korean are no log."""
    assert not any(is_log for _, is_log in marked_lines(text))
