"""The command `plumbline`. A command's module is imported only when that command runs, so `--help` is quick."""

import importlib
import importlib.util
import os
import sys
from typing import Any

import click

import monitor
from monitor import logs
from records.errors import ConfigError, PlumblineError

COMMANDS = {
    "demo": "everything in one process with simulated traffic and three incidents",
    "serve": "capture, evaluation, alerts and the page in one process",
    "api": "capture into Kafka, and the page",
    "worker": "take the stream in from Kafka, judge it, deliver alerts",
    "evaluator": "have models judge a sample of what comes from Kafka",
    "check": "compare two files once, without a service",
    "backtest": "what another configuration would have raised on the stored history",
    "replay": "send recorded interactions into a running service",
    "reference": "build, list and show reference distributions",
    "alerts": "list alerts, and mark them as real, false or accepted",
    "config": "check a configuration file, or print its JSON Schema",
    "db": "bring the database to this version",
    "topics": "make the topics in Kafka; how far they are counted, and from where",
}
"""Each is the object `command` of monitor/cli/<name>.py; one whose module is not part of the build is not offered."""

BAD_INPUT = 2


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands that this build has, in the order of COMMANDS."""
        return [name for name in COMMANDS if importlib.util.find_spec(f"monitor.cli.{name}")]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Imports the module of the command."""
        if name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"monitor.cli.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in --help, without importing a single command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(monitor.__version__, prog_name="plumbline", message="%(prog)s %(version)s")
@click.option(
    "--log-level",
    type=click.Choice(logs.LEVELS),
    default="info",
    show_default=True,
    envvar="PLUMBLINE_LOG_LEVEL",
    show_envvar=True,
)
@click.option(
    "--log-format",
    type=click.Choice(logs.FORMATS),
    default="auto",
    envvar="PLUMBLINE_LOG_FORMAT",
    show_envvar=True,
    help="auto: text on a terminal, JSON elsewhere.",
)
def cli(log_level: str, log_format: str) -> None:
    """Streaming production monitoring and drift detection for LLM applications.

    \b
    Example:
      plumbline config check plumbline.yaml
    """
    logs.configure(log_level, log_format)


def main(args: list[str] | None = None) -> None:
    """Runs a command and leaves with its exit code: 0, what the command says, 2 for bad input, 130 after Ctrl-C."""
    sys.exit(run(args))


def run(args: list[str] | None = None) -> int:
    """The exit code of a command; errors of ours are one message on standard error, never a traceback."""
    try:
        code: Any = cli.main(args, prog_name="plumbline", standalone_mode=False)
        sys.stdout.flush()
    except click.Abort:
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except PlumblineError as error:
        click.echo(error if isinstance(error, ConfigError) else f"plumbline: {error}", err=True)
        return BAD_INPUT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code if isinstance(code, int) else 0
