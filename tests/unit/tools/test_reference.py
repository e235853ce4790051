"""The generated pages name every setting, command and option, and what their values are in the code."""

import typer.main
from reference.commands import describe_commands
from reference.exit_codes import describe_exit_codes
from reference.makefile import find_variable, read_targets
from reference.markdown import as_code, format_table
from reference.metrics import describe_metrics
from reference.settings import describe_settings

from spark_jobs import errors
from spark_jobs.cli.__main__ import app
from spark_jobs.commands.settings import list_values
from spark_jobs.observability import metrics
from spark_jobs.settings import load


def rows_of(page: str) -> dict[str, list[str]]:
    """Return the cells of each row of the tables of a page, by the first cell."""
    rows = (line.strip("|").split("|") for line in page.replace("\\|", "/").splitlines() if line.startswith("| "))
    return {first.strip(): [cell.strip() for cell in others] for first, *others in rows}


def test_a_cell_may_have_a_bar_or_nothing():
    text = format_table(("a", "b"), [("x|y", ""), (as_code(""), as_code("z"))])
    assert text == "| a | b |\n|---|---|\n| x\\|y | |\n| | `z` |\n"


def test_every_setting_has_a_row_with_its_type_range_default_and_comment():
    rows = rows_of(describe_settings())
    names = {name for name, _ in list_values(load().model_dump(by_alias=True))}
    generic = {name for name in names if name.startswith("events.types.")}
    assert {f"`{name}`" for name in names - generic} <= rows.keys()
    assert rows["`quality.max_reject_share`"] == ["number", "0 to 1", "`0.1`", "a higher share stops the hour"]
    assert rows["`schema.new_column`"][:3] == ["text", "`leave_out` or `refuse`", '`"leave_out"`']
    assert rows["`duplicates.exempt_types`"][:3] == ["list of names", "", "`[]`"]
    kind, limits, default, meaning = rows["`events.types.NAME.weight`"]
    assert (kind, limits) == ("number", "0.000001 to 1,000,000, at most 6 decimals")
    assert default == "view `1.0`, cart `3.0`, rating `4.0`, purchase `5.0`"
    assert meaning == "of one event in the score; above 0, so that no event is lost"
    assert rows["`events.types.NAME.rated`"][2] == "rating `true`, others `false`"


def test_a_comment_may_continue_in_the_next_lines_and_a_section_has_one_too():
    page = describe_settings()
    assert "for more than 2, also increase spark.driver.maxResultSize and SPARK_DRIVER_MEMORY |" in page
    assert "\n`[usual]`: compares an hour with the same hour of earlier weeks; warnings only.\n" in page


def test_every_command_has_its_help_its_example_and_its_options():
    page = describe_commands()
    for name, command in typer.main.get_group(app).commands.items():
        section = page.partition(f"\n### pipeline {name}\n")[2].partition("\n##")[0]
        assert command.help in section and str(command.epilog).removeprefix("Example: ") in section
        flags = [option.opts[0] for option in command.params]
        assert not [flag for flag in flags if f"| `{flag}" not in section], name
    assert "| `make test-all` | run all tests, including the long ones |" in page


def test_the_makefile_says_which_variable_sets_which_option():
    found = {
        (target, option): find_variable(target, option)
        for target, option in (
            ("run", "input"),
            ("run", "set"),
            ("run", "accept-rejects"),
            ("sample", "ratings"),
            ("forget", "user"),
            ("forget", "lift"),
            ("export", "format"),
            ("sql", "query"),
            ("sample", "set"),
        )
    }
    assert list(found.values()) == ["INPUT", "SET", None, "RATINGS", "USER", "LIFT", "FORMAT", "QUERY", None]
    assert read_targets()["help"] == ("list these commands", read_targets()["help"][1])


def test_every_error_and_every_metric_has_a_row():
    codes = rows_of(describe_exit_codes())
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert len(classes) > 5
    for each in classes:
        assert codes[f"`{each.__name__}`"][:2] == [str(each.exit_code), each.outcome]
    assert codes["3"] == ["hours or days stopped"] and "130" in codes
    names = {value for name, value in vars(metrics).items() if name.isupper() and str(value).startswith("pipeline_")}
    found = rows_of(describe_metrics())
    assert {f"`{name}`" for name in names} == {name for name in found if name.startswith("`")}
    assert sorted(found[f"`{metrics.COUNTED}`"][0].split(", ")) == ["count", "job", "kind"]
