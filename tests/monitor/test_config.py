"""Configuration: defaults, errors that name file, line, key and what is expected, the environment, secrets."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules import DEFAULT_RULES
from alerts.rules import Rule as AlertRule
from monitor.config import (
    Address,
    ApplicationConfig,
    Config,
    InvalidConfigError,
    format_duration,
    is_loopback,
    parse,
    parse_duration,
)
from monitor.config.schema import config_schema
from records.errors import ConfigError, PlumblineError

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def read(text: str, **environ: str) -> Config:
    return parse(text, "p.yaml", environ)


def errors(text: str, **environ: str) -> list[str]:
    with pytest.raises(InvalidConfigError) as caught:
        read(text, **environ)
    return str(caught.value).split("\n")


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "applications:\nalerts:\n", "retention: {panes: }", "---\n"])
def test_an_empty_file_and_empty_sections_are_the_defaults(text: str) -> None:
    config = read(text)
    assert config == Config()
    assert config.listen == Address("127.0.0.1", 4000)
    assert config.store.get_secret_value() == "sqlite:///plumbline.db"
    assert (config.false_alarms.at_most, config.false_alarms.per) == (1.0, 30 * DAY)
    assert config.alerts.rules_in_force == DEFAULT_RULES


def test_an_application_that_the_file_does_not_name_gets_the_defaults() -> None:
    config = read("applications: {support: {slices: [tags.tenant]}, bare: }")
    assert config.application("support").slices == ("tags.tenant",)
    assert config.application("bare") == config.application("never named") == ApplicationConfig()
    default = config.application("never named")
    assert default.slices == ("model", "prompt_version")
    assert default.horizons == (5 * MINUTE, HOUR, DAY)
    assert default.allowed_lateness == 2 * MINUTE
    assert [(b.name, b.comparison, b.trailing) for b in default.baselines] == [("trailing 7d", "drift", 7 * DAY)]


def test_baselines_and_rules_are_read_as_their_users_take_them() -> None:
    config = read(
        "applications: {a: {baselines: [{reference: evalset}, {trailing: 36h}]}}\n"
        "alerts: {rules: [{name: r, match: {slice: 'tags.tenant=*'}, for: 10m, effect_at_least: 2, severity: info}]}"
    )
    assert [(b.name, b.comparison) for b in config.application("a").baselines] == [
        ("reference evalset", "skew"),
        ("trailing 1d12h", "drift"),
    ]
    expected = AlertRule("r", slice="tags.tenant=*", effect_at_least=2.0, for_=10 * MINUTE, severity="info")
    assert config.alerts.rules_in_force == (expected,)


WRONG = {
    "misspelt key": ("false_alarm: {at_most: 1}", "p.yaml:1: false_alarm: unknown key; did you mean false_alarms?"),
    "misspelt inside": ("\nretention:\n  pane: 3d", "p.yaml:3: retention.pane: unknown key; did you mean panes?"),
    "no such key": ("retention: {x: 1}", "retention.x: unknown key; expected content, panes, dead_letters"),
    "twice": ("content: full\ncontent: digest", "p.yaml:2: content: the key is there twice, first on line 1"),
    "twice inside": ("retention:\n  panes: 1d\n  panes: 2d", "p.yaml:3: retention.panes: the key is there twice"),
    "no unit": ("deduplicate_within: 30", "p.yaml:1: deduplicate_within: expected a duration such as 90s"),
    "no time": ("retention: {panes: 0s}", "retention.panes: expected a duration longer than 0"),
    "ages": ("retention: {panes: 99999d}", "retention.panes: expected a duration of at most ten years"),
    "wrong unit": ("false_alarms: {per: 1month}", "false_alarms.per: expected a duration such as"),
    "boolean number": ("false_alarms: {at_most: yes}", "false_alarms.at_most: expected a number, got True"),
    "not above 0": ("false_alarms: {at_most: 0}", "false_alarms.at_most: expected a number above 0, got 0"),
    "infinite": ("false_alarms: {at_most: .inf}", "false_alarms.at_most: expected a finite number, got inf"),
    "text for number": ("false_alarms: {at_most: few}", "false_alarms.at_most: expected a number, got few"),
    "value for section": ("retention: 7d", "p.yaml:1: retention: expected a section (key: value)"),
    "value for list": ("applications: {a: {slices: model}}", "applications.a.slices: expected a list"),
    "list for section": ("applications: [a]", "p.yaml:1: applications: expected a section (key: value)"),
    "choice": ("content: ful", "content: expected one of digest, redacted, full; did you mean full, got ful"),
    "slice": ("applications: {a: {slices: [user]}}", "applications.a.slices[0]: expected tags.<name> or one of model"),
    "slice twice": ("applications: {a: {slices: [model, model]}}", "expected each entry once, model is there twice"),
    "horizon": ("applications: {a: {horizons: [7m]}}", "horizons[0]: expected a multiple of 5m"),
    "two baselines in one": (
        "applications:\n  a:\n    baselines:\n      - {trailing: 1d, reference: b}",
        "p.yaml:4: applications.a.baselines[0]: expected exactly one of reference, trailing, seasonal, period or cohort",
    ),
    "signal": (
        "applications: {a: {signals: [tags.tenant, response.word]}}",
        "applications.a.signals[1]: expected the name of a signal, scores.<name> or tags.<name>; did you mean response.words?",
    ),
    "evaluation": (
        "applications: {a: {evaluations: [token_f1, rouge]}}",
        "; did you mean rouge_l, got rouge",
    ),
    "first evaluation": (
        "applications: {a: {evaluations: [xyz]}}",
        "p.yaml:1: applications.a.evaluations[0]: expected one of exact_match, numeric_match, ",
    ),
    "evaluation twice": ("applications: {a: {evaluations: [bleu, bleu]}}", "evaluations: expected each entry once, bleu is"),
    "no evaluation": ("applications: {a: {evaluations: [7]}}", "evaluations[0]: expected the name of a score, or a section"),
    "empty evaluation": ("applications: {a: {evaluations: [{}]}}", "evaluations[0]: expected exactly one of score, judge"),
    "stream": ("stream: redis", "stream: expected embedded, or kafka://host:9092,host2:9092, got redis"),
    "store": ("store: mysql://a/b", "store: expected sqlite:///path/to/file.db or postgresql+psycopg://"),
    "listen": ("listen: 4000", "listen: expected host:port, such as 127.0.0.1:4000 or [::1]:4000, got 4000"),
    "bare IPv6": ("listen: '::1:4000'", "listen: expected host:port"),
    "open without tokens": ("listen: 0.0.0.0:4000", "0.0.0.0 can be reached from other machines: give tokens"),
    "no token": ("tokens: [{name: a, roles: [read]}]", "tokens[0].token: the key is missing, expected token or token_file"),
    "no roles": ("tokens: [{name: a, token: 0123456789abcdef, roles: []}]", "tokens[0].roles: expected at least 1"),
    "webhook": ("alerts: {receivers: [{name: a, webhook: {url: 'ftp://a'}}]}", "webhook.url: expected a URL that begins"),
    "no webhook": ("alerts: {receivers: [{name: a}]}", "alerts.receivers[0].webhook: the key is missing"),
    "name": ("applications: {' a': {}}", "expected a name without control characters or spaces"),
    "not YAML": ("a: [1, 2\nb: 3", "p.yaml:2: not YAML: expected ',' or ']'"),
    "control character": ("a: \x00", "p.yaml: not YAML"),
    "list at the top": ("- a", "p.yaml:1: expected a mapping (key: value) at the top"),
    "YAML tag": ("content: !!python/object:os.system x", "p.yaml:1: content: expected a plain value"),
    "key that is a list": ("? [a]\n: b", "p.yaml:1: expected a plain key"),
    "alias without end": ("retention: &a\n  content: *a", "p.yaml:1: retention"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=list(WRONG))
def test_a_wrong_value_is_refused_with_file_line_key_and_what_is_expected(text: str, message: str) -> None:
    said = errors(text)
    assert any(message in line for line in said), said
    assert all(line.startswith("p.yaml") for line in said), said


LATER = {
    "slack": ("alerts: {receivers: [{name: a, slack: {}}]}", "alerts.receivers[0].slack: not available yet"),
}


@pytest.mark.parametrize(("text", "message"), LATER.values(), ids=list(LATER))
def test_what_this_version_cannot_do_is_refused_and_not_ignored(text: str, message: str) -> None:
    assert any(message in line for line in errors(text))


def test_a_score_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    (said,) = errors("applications:\n  a:\n    evaluations:\n      - rouge_l\n      - chrf")
    needs = "chrf needs a package that is not installed; run pip install 'plumbline[evaluation]'"
    assert said == f"p.yaml:5: applications.a.evaluations[1]: {needs}"


def test_everything_that_is_wrong_is_said_at_once_in_the_order_of_the_file() -> None:
    text = "content: a\nstream: b\nstream: c\nfalse_alarms:\n  per: d\nsotre: e\n"
    said = errors(text, PLUMBLINE_RETENTION__PANES="f", PLUMBLINE_CONTNT="g")
    assert [line.split(": ")[:2] for line in said] == [
        ["p.yaml:1", "content"],
        ["p.yaml:2", "stream"],
        ["p.yaml:3", "stream"],
        ["p.yaml:5", "false_alarms.per"],
        ["p.yaml:6", "sotre"],
        ["environment", "PLUMBLINE_RETENTION__PANES"],
        ["environment", "PLUMBLINE_CONTNT"],
    ]


def test_the_error_is_one_of_the_projects_tree_and_holds_its_parts() -> None:
    with pytest.raises(PlumblineError) as caught:
        read("\ncontent: a")
    assert isinstance(caught.value, ConfigError)
    assert (caught.value.file, caught.value.line, caught.value.key) == ("p.yaml", 2, "content")


@given(st.integers(1, 3650 * DAY // 1000).map(lambda ms: ms * 1000))
def test_a_duration_is_read_back_as_it_was_written(microseconds: int) -> None:
    assert parse_duration(format_duration(microseconds)) == microseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 90_000_000),
        ("2m", 2 * MINUTE),
        ("1h30m", 90 * MINUTE),
        ("1.5h", 90 * MINUTE),
        ("1w", 7 * DAY),
        ("500ms", 500_000),
        ("0", 0),
        (0, 0),
        ("0s", 0),
    ],
)
def test_durations_have_units(text: str | int, expected: int) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "1", "-1d", "1 d", "d", "1y", "1e3s", None, True, False, 30, 1.5, [], "1d\n", "١d"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration(text)


@given(st.text(max_size=60))
def test_no_text_makes_the_reader_fail_in_another_way(text: str) -> None:
    try:
        read(text)
    except InvalidConfigError as error:
        assert error.errors


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from([*Config.annotations(), *ApplicationConfig.annotations(), "a"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
def test_no_shape_of_data_makes_the_reader_fail_in_another_way(data: object) -> None:
    try:
        read(json.dumps(data))
    except InvalidConfigError as error:
        assert all(part.file == "p.yaml" for part in error.errors)


ENVIRONMENT = {
    "scalar": ({"PLUMBLINE_FALSE_ALARMS__AT_MOST": "2.5"}, lambda c: c.false_alarms.at_most == 2.5),
    "wins over the file": ({"PLUMBLINE_CONTENT": "full"}, lambda c: c.content == "full"),
    "empty is not set": ({"PLUMBLINE_CONTENT": ""}, lambda c: c.content == "digest"),
    "list": (
        {"PLUMBLINE_APPLICATIONS__SUPPORT__SLICES": "[tags.tenant, model]"},
        lambda c: c.application("Support").slices == ("tags.tenant", "model"),
    ),
    "new application": (
        {"PLUMBLINE_APPLICATIONS__NEW__ALLOWED_LATENESS": "9m"},
        lambda c: c.application("new").allowed_lateness == 9 * MINUTE,
    ),
    "entry of a list": (
        {
            "PLUMBLINE_TOKENS__0__NAME": "ci",
            "PLUMBLINE_TOKENS__0__TOKEN": "1234567890123456",
            "PLUMBLINE_TOKENS__0__ROLES": "[read]",
            "PLUMBLINE_LISTEN": "0.0.0.0:80",
        },
        lambda c: c.tokens[0].token.get_secret_value() == "1234567890123456" and c.listen == ("0.0.0.0", 80),
    ),
    "rules from default": (
        {"PLUMBLINE_ALERTS__RULES__0__NAME": "x"},
        lambda c: [rule.name for rule in c.alerts.rules_in_force] == ["x"],
    ),
    "options of the command line": ({"PLUMBLINE_LOG_LEVEL": "debug", "PLUMBLINE_TOKEN": "x"}, lambda c: True),
    "Kubernetes": (
        {
            "PLUMBLINE_PORT": "tcp://10.0.0.1:4000",
            "PLUMBLINE_SERVICE_HOST": "10.0.0.1",
            "PLUMBLINE_PORT_4000_TCP_ADDR": "10.0.0.1",
            "PLUMBLINE_API_SERVICE_PORT_HTTP": "1",
        },
        lambda c: c.listen.port == 4000,
    ),
}


@pytest.mark.parametrize(("environ", "holds"), ENVIRONMENT.values(), ids=list(ENVIRONMENT))
def test_every_key_can_come_from_the_environment(environ: dict[str, str], holds: object) -> None:
    config = parse("content: digest\napplications: {Support: {}}\nalerts: {rules: default}", "p.yaml", environ)
    assert callable(holds) and holds(config)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PLUMBLINE_CONTNT", "x", "unknown key; did you mean content?"),
        ("PLUMBLINE_RETENTION__PANES", "x", "expected a duration such as 90s, 2m, 1h or 30d, got x"),
        ("PLUMBLINE_TOKENS", "[{name: a}]", "tokens[0].token: the key is missing"),
        ("PLUMBLINE_TOKENS", "[{name: a", "expected YAML, such as [a, b], for tokens"),
        ("PLUMBLINE_CONTENT__X", "x", "the configuration file has a plain value where this needs a section"),
        ("PLUMBLINE_TOKENS__X__NAME", "x", "expected the number of an entry, 0 to 0, got X"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(variable: str, value: str, message: str) -> None:
    said = errors("content: digest\ntokens: []", **{variable: value})
    assert any(f"environment: {variable}: {message}" in line for line in said), said


SECRET = "hunter2hunter2hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"store: mysql://u:{SECRET}@h/d",
        f"store: [{SECRET}]",
        f"tokens: {SECRET}",
        f"tokens: [{SECRET}]",
        f"tokens: [{{name: a, token: '{SECRET} space', roles: [read]}}]",
        f"tokens: [{{name: a, token: {{x: {SECRET}}}, roles: [read]}}]",
        f"tokens: [{{name: a, tokn: {SECRET}, roles: [reed]}}]",
        f"tokens: [{{name: a, token: {SECRET}, token_file: /x, roles: [read]}}]",
        f"alerts: {{receivers: [{{name: a, webhook: {{url: 'ftp://{SECRET}', secret: {SECRET}}}}}]}}",
        f"alerts: {{receivers: [{{name: a, webhook: 'https://{SECRET}'}}]}}",
        f"alerts: {{receivers: 'https://{SECRET}'}}",
    ],
)
def test_a_secret_is_in_no_error(text: str) -> None:
    assert SECRET not in "\n".join(errors(text))


def test_a_secret_is_in_no_text_of_the_configuration() -> None:
    config = read(
        f"store: postgresql+psycopg://u:{SECRET}@h/d\n"
        f"tokens: [{{name: a, token: {SECRET}, roles: [read]}}]\n"
        f"alerts: {{receivers: [{{name: a, webhook: {{url: 'https://a/{SECRET}', secret: whsec_{SECRET}}}}}]}}"
    )
    assert config.tokens[0].token.get_secret_value() == SECRET
    assert SECRET not in f"{config!r}{config}{config.model_dump()}{config.model_dump_json()}"


def test_secrets_come_from_files_too(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    listed = f"tokens: [{{name: a, token_file: {path}, roles: [read]}}]"
    assert read(listed).tokens[0].token.get_secret_value() == SECRET
    config = read("tokens: [{name: a, token: 0123456789abcdef, roles: [read]}]", PLUMBLINE_TOKENS__0__TOKEN_FILE=str(path))
    assert config.tokens[0].token.get_secret_value() == SECRET
    config = read(listed, PLUMBLINE_TOKENS__0__TOKEN="fromtheenvironment")
    assert config.tokens[0].token.get_secret_value() == "fromtheenvironment"
    path.write_text("sqlite:///other.db")
    assert read("", PLUMBLINE_STORE_FILE=str(path)).store.get_secret_value() == "sqlite:///other.db"


@pytest.mark.parametrize(("content", "message"), [(None, "No such file"), ("", "it is empty"), ("ab", "at least 16")])
def test_a_secret_file_that_holds_none_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_text(content)
    assert message in errors(f"tokens: [{{name: a, token_file: {path}, roles: [read]}}]")[0]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("example.com", False),
        ("127.0.0.1.example.com", False),
        ("localhost.example.com", False),
        ("", False),
        ("::ffff:10.0.0.1", False),
    ],
)
def test_loopback_is_known(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_the_schema_describes_the_file_as_it_is_written() -> None:
    schema = json.loads(json.dumps(config_schema()))
    keys = schema["properties"]
    assert set(keys) == set(Config.annotations())
    assert keys["listen"]["default"] == "127.0.0.1:4000"
    assert keys["deduplicate_within"]["default"] == "1h"
    assert schema["$defs"]["ApplicationConfig"]["properties"]["horizons"]["default"] == ["5m", "1h", "1d"]
    assert schema["$defs"]["Token"]["oneOf"] == [{"required": ["token"]}, {"required": ["token_file"]}]
    assert {"const": "default"} in schema["$defs"]["Alerts"]["properties"]["rules"]["anyOf"]
