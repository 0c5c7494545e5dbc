"""The command `discovery`: one verb, one file. Data on stdout, messages on stderr.

Modules of verbs are imported to be registered, so they import nothing heavy at their top.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from discovery import __version__
from discovery.cli._say import complain, json_lines, say
from discovery.cli.check import command as check_command
from discovery.cli.compare import command as compare_command
from discovery.cli.confirm import command as confirm_command
from discovery.cli.diff import command as diff_command
from discovery.cli.doctor import command as doctor_command
from discovery.cli.export import command as export_command
from discovery.cli.list import command as list_command
from discovery.cli.replay import command as replay_command
from discovery.cli.resume import command as resume_command
from discovery.cli.run import command as run_command
from discovery.cli.show import command as show_command
from discovery.cli.steer import app as steer_app
from discovery.cli.task import app as task_app
from discovery.cli.verify import command as verify_command
from discovery.errors import DiscoveryError

__all__ = ["app", "main"]

_HELP = """Discover algorithms, with the evidence.

discovery run optimizers --max-proposals 100

discovery show @last

Exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 not found, 4 a limit was reached with no program scored, \
5 something of the machine is missing, 130 and 143 after a clean stop by a signal.
"""


class _Verbs(TyperGroup):
    """An interrupt that no verb handles is said; typer would exit without a word."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say("interrupted")
            raise typer.Exit(130) from None


app = typer.Typer(
    name="discovery",
    cls=_Verbs,
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"discovery {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


app.command("run")(run_command)
app.command("resume")(resume_command)
app.command("list")(list_command)
app.command("show")(show_command)
app.command("diff")(diff_command)
app.command("compare")(compare_command)
app.command("check")(check_command)
app.command("confirm")(confirm_command)
app.command("export")(export_command)
app.command("verify")(verify_command)
app.add_typer(steer_app, name="steer")
app.add_typer(task_app, name="task")
app.command("replay")(replay_command)
app.command("doctor")(doctor_command)


def main() -> None:
    """Run the command line. A failure that a user can mend is one clear line, and a hint, without a traceback."""
    _replace_closed_streams()
    try:
        if "--json" not in sys.argv[1:] and not json_lines():
            app()
        raise SystemExit(app(standalone_mode=False) or 0)
    except TyperException as error:
        message = getattr(error, "format_message", error.__str__)()
        complain(message, "`discovery VERB -h` shows what a verb takes", 2)
    except DiscoveryError as error:
        complain(error.message, error.hint, error.exit_code)
    except KeyboardInterrupt:
        say("interrupted")
        raise SystemExit(130) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(1) from None
    except OSError as error:
        if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        # A path that cannot be used, or a full disk: for the user to mend.
        where = "" if error.filename is None else f"{error.filename}: "
        complain(f"{where}{error.strerror}", "", 5)


def _replace_closed_streams() -> None:
    """Where a standard stream is closed (`>&-`), the null device: else the next file opened would take its number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")
