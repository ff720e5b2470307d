"""docker's global options: which command follows them, and what they mean as variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.errors import SaferunError
from saferun.formats.docker_run.global_options import plugin_call, run_in

RUN = ("-u", "5", "img")
CERTIFICATES = "DOCKER_CERT_PATH names a directory with ca.pem, cert.pem and key.pem"


@pytest.mark.parametrize(
    "line",
    [
        "run",
        "container run",
        "-- run",
        "-v run",
        "--version run",
        "--help run",
        "-h run",
        "--help=false run",
        "container --help run",
        "container --help=false run",
        "-l info run",
        "--log-level= run",
        "--debug=false run",
        "--tls=false container -h run",
    ],
)
def test_every_way_to_say_docker_run(line: str) -> None:
    """Each of these starts a container in CLI 20.10 and 28, also those that look like help."""
    call = run_in([*line.split(), *RUN], {})
    assert call is not None
    assert call.words == RUN


@pytest.mark.parametrize(
    "line",
    [
        "ps",
        "-H run ps",
        "-H run",
        "--context run container ls",
        "container",
        "container ls run",
        "compose run web",
        "-D compose run web",
        "exec run run",
        "container -- ",
        "",
        "--frobnicate ps",
        "-c -- -v ps run",
    ],
)
def test_everything_else_is_dockers(line: str) -> None:
    """A word "run" that is a value, or another command's, runs nothing."""
    assert run_in(line.split(), {}) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-H unix:///a", {"DOCKER_HOST": "unix:///a", "DOCKER_CONTEXT": None}),
        ("-Hssh://me@b", {"DOCKER_HOST": "ssh://me@b", "DOCKER_CONTEXT": None}),
        ("--host=tcp://c:1", {"DOCKER_HOST": "tcp://c:1", "DOCKER_CONTEXT": None}),
        ("-c prod", {"DOCKER_CONTEXT": "prod", "DOCKER_HOST": None}),
        ("--context a --context b", {"DOCKER_CONTEXT": "b", "DOCKER_HOST": None}),
        ("--context default", {"DOCKER_CONTEXT": "default"}),
        ("--context=", {}),
        ("--config /etc/d", {"DOCKER_CONFIG": "/etc/d"}),
        ("--config=", {}),
        ("--tlsverify", {"DOCKER_TLS_VERIFY": "1"}),
        ("--tls --tlsverify", {"DOCKER_TLS_VERIFY": "1"}),
        ("--tls=false", {"DOCKER_TLS": None}),
        ("-D=false", {}),
    ],
)
def test_what_has_a_variable(line: str, expected: dict[str, str | None]) -> None:
    """Exactly what the option means, where docker gives the variable the same meaning."""
    call = run_in([*line.split(), "run", *RUN], {})
    assert call is not None
    assert call.variables == expected


@pytest.mark.parametrize(
    ("line", "environ", "said"),
    [
        ("-H a -H b", {}, "--host"),
        ("-H a -c b", {}, "--host"),
        ("--host=", {}, "without a value"),
        ("--tls", {}, "--tls without --tlsverify"),
        ("--tlsverify=false", {}, "--tls without --tlsverify"),
        ("--tlsverify=false", {"DOCKER_TLS_VERIFY": "1"}, "--tls without --tlsverify"),
        ("--tlsverify --tlscacert /ca", {}, "--tlscacert"),
        ("--tlscert /c", {}, "--tlscert"),
        ("--tlskey /k", {}, "--tlskey"),
        ("--config /c --tlsverify", {}, "--config together with TLS"),
        ("--config /c", {"DOCKER_TLS_VERIFY": "1"}, "--config together with TLS"),
        ("-D", {}, "--debug"),
        ("--debug -l debug", {}, "--debug"),
        ("-ldebug", {}, "--log-level"),
        ("--frobnicate", {}, "cannot tell"),
        ("--tls=maybe", {}, "cannot tell"),
        ("-x", {}, "cannot tell"),
        ("-- -D", {}, "cannot tell"),
        ("-- --help", {}, "cannot tell"),
        ("-- -- container", {}, "cannot tell"),
        ("-- - ", {}, "cannot tell"),
        ("container -- --help", {}, "cannot tell"),
        ("container -- container", {}, "cannot tell"),
        ("-- x", {}, "cannot tell"),
    ],
)
def test_what_has_none_is_refused(line: str, environ: dict[str, str], said: str) -> None:
    """Rather than run on another engine, in another way, or unjudged."""
    with pytest.raises(SaferunError, match=said) as refused:
        run_in([*line.split(), "run", *RUN], environ)
    assert any("command docker" in hint for hint in refused.value.hints)


@pytest.mark.parametrize(
    ("line", "option", "hint"),
    [
        ("-H a -H b", "--host", "docker takes one --host only"),
        ("-H a -c b", "--host", "docker takes either --host or --context"),
        ("--tls", "--tls without --tlsverify", "use --tlsverify, or a docker context"),
        ("--tlscacert /ca", "--tlscacert", f"{CERTIFICATES}; or use a docker context"),
        ("-D", "--debug", "leave it out"),
        ("-ldebug", "--log-level", "leave it out"),
    ],
)
def test_a_refusal_names_the_option_and_what_to_do(line: str, option: str, hint: str) -> None:
    """The first that has no variable."""
    with pytest.raises(SaferunError) as refused:
        run_in([*line.split(), "run", *RUN], {})
    assert str(refused.value) == f"docker's global option {option} cannot be handed on"
    assert refused.value.hints[0] == hint


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("--frobnicate", "unknown flag: --frobnicate"),
        ("-- x", "x behind --"),
        ("container -- container", "container behind --"),
        # Here docker shows its usage.
        ("container --", "run behind --"),
    ],
)
def test_what_cannot_be_told_says_why(line: str, problem: str) -> None:
    """With the words that make it so."""
    with pytest.raises(SaferunError, match=rf"runs: {problem}$"):
        run_in([*line.split(), "run", *RUN], {})


def test_certificates_that_are_named_go_with_a_configuration() -> None:
    """DOCKER_CERT_PATH comes before any directory of configuration."""
    environ = {"DOCKER_CERT_PATH": "/certs"}
    call = run_in(["--config", "/c", "--tlsverify", "run", "img"], environ)
    assert call is not None
    assert call.variables == {"DOCKER_CONFIG": "/c", "DOCKER_TLS_VERIFY": "1"}


def test_the_words_of_a_plugin() -> None:
    """docker hands on its own options in front of the plugin's name."""
    call = plugin_call(["-H", "a", "saferun", "-H", "saferun"], "saferun", {})
    assert call is not None
    assert (call.words, call.variables["DOCKER_HOST"]) == (("-H", "saferun"), "a")
    assert plugin_call(["other", "saferun"], "saferun", {}) is None
    assert plugin_call(["--", "saferun", "--"], "saferun", {}) is not None
    assert plugin_call([], "saferun", {}) is None


OPTIONS = ("-v", "--help", "-l info", "--context default", "-c run", "--tls=false", "-D=false")
ENDS = ("", "--")
COMMANDS = ("run", "container run", "container --help run", "container -h=false --help=0 run")


@given(
    options=st.lists(st.sampled_from(OPTIONS)),
    end=st.sampled_from(ENDS),
    command=st.sampled_from(COMMANDS),
    after=st.lists(st.text() | st.sampled_from(["run", "--", "-H", "container"])),
)
def test_nothing_goes_past(options: list[str], end: str, command: str, after: list[str]) -> None:
    """Whatever stands in front of it, `run` is found, and its words are as they were."""
    call = run_in([*" ".join([*options, end, command]).split(), *after], {})
    assert call is not None
    assert list(call.words) == after


@given(
    words=st.lists(
        st.sampled_from(["run", "container", "--", "-", "", "x", "-D", "-H", "--tls", "--help"]),
        max_size=7,
    )
)
def test_whatever_is_said_is_answered(words: list[str]) -> None:
    """With a call, with docker's business, or with a refusal; never with a traceback."""
    try:
        call = run_in(words, {})
    except SaferunError:
        return
    assert call is None or "run" in words
