"""PyYAML's syntax errors in plain language."""

import re

from yaml import YAMLError
from yaml.error import MarkedYAMLError
from yaml.reader import ReaderError

from edge_daemon.config.problems import INVISIBLE, Problem

_STRANGE = re.compile(rf"[ \t-]*(?:[\w.-]+:[ \t]*)?({INVISIBLE.pattern})")
_COLON = "a ':' where no value can start; quote text that contains ': ', or look for a missing ':' before it"
# By the start of PyYAML's problem and of its context. `{line}` is the line of an opening that is not closed.
_EXPLANATIONS = [
    ("mapping values are not allowed", "", _COLON),
    ("could not find expected ':'", "", "a key without ':' after it, or a list item without '- ' before it"),
    ("found character '\\t'", "", "a tab; YAML indents with spaces only"),
    ("found a tab", "", "a tab; YAML indents with spaces only"),
    ("found character", "", "text that starts with a reserved character of YAML; put it in quotes"),
    ("found undefined alias", "", "an alias (*name) whose anchor (&name) does not come before it"),
    ("", "found duplicate anchor", "an anchor (&name) that is defined twice"),
    ("found unexpected end of stream", "while scanning a q", "quotes opened in line {line} are not closed"),
    ("found unknown escape", "", "an unknown \\ escape in double quotes; write \\\\ or use single quotes"),
    ("expected escape sequence", "", "a broken \\ escape in double quotes; write \\\\ or use single quotes"),
    ("expected <block end>, but found '-'", "", "a list item whose indentation differs from the lines before it"),
    ("expected <block end>", "", "text that fits neither the indentation nor the line before it"),
    ("sequence entries are not allowed", "", "a list item ('- ') that does not start a line"),
    ("expected ',' or ']'", "", "the list opened by [ in line {line} is not closed, or lacks a comma"),
    ("expected ',' or '}'", "", "the mapping opened by {{ in line {line} is not closed, or lacks a comma"),
    ("expected '<document start>'", "", "text after '...', which ends a document"),
    ("but found another document", "", "a second document ('---'); a configuration is a single one"),
    ("nested more than", "", "lists or mappings nested too deeply"),
]  # fmt: skip


def unreadable(error: YAMLError, text: str, name: str) -> str:
    """The error with line and column, such as `config.yaml:3: is not YAML (column 5): a tab; ...`."""
    if isinstance(error, ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        what = f"the character U+{ord(text[error.position]):04X}, which is not allowed in YAML"
    elif isinstance(error, MarkedYAMLError) and (mark := error.problem_mark or error.context_mark):
        line, column, what = mark.line + 1, mark.column + 1, _explain(error)
    else:
        return f"{name}: is not YAML"
    return str(Problem(f"is not YAML (column {column}): {what}", file=name, line=line, column=column))


def strange_spaces(text: str, name: str) -> list[Problem]:
    """Problems with lines in which a key has, before or after it, a space that is not that of the keyboard."""
    return [
        Problem(
            f"a character that looks like a space, or cannot be seen (U+{ord(found[1]):04X} in column "
            f"{found.start(1) + 1}): replace it by a space",
            file=name,
            line=number,
        )
        for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1)
        if (found := _STRANGE.match(line))
    ]


def _explain(error: MarkedYAMLError) -> str:
    problem, context = error.problem or "", error.context or ""
    line = error.context_mark.line + 1 if error.context_mark else 0
    for begin, within, text in _EXPLANATIONS:
        if problem.startswith(begin) and context.startswith(within):
            return text.format(line=line)
    return " ".join(part for part in (context, problem) if part)
