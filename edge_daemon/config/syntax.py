"""What PyYAML says about text that is not YAML, as one sentence for a person."""

from yaml import YAMLError
from yaml.error import MarkedYAMLError
from yaml.reader import ReaderError

from edge_daemon.config.problems import Problem

_COLON = "a ':' where no value can begin; quote text that holds ': ', or look for a missing ':' before it"
# By the beginning of PyYAML's problem and of its context. `{line}` is where what is not closed began.
_SENTENCES = [
    ("mapping values are not allowed", "", _COLON),
    ("could not find expected ':'", "", "a key without ':' behind it, or a list item without '- ' before it"),
    ("found character '\\t'", "", "a tab; YAML indents with spaces only"),
    ("found a tab", "", "a tab; YAML indents with spaces only"),
    ("found character", "", "text that begins with a character that YAML reserves; put it in quotes"),
    ("found undefined alias", "", "an alias (*name) whose anchor (&name) does not come before it"),
    ("", "found duplicate anchor", "an anchor (&name) that is there twice"),
    ("found unexpected end of stream", "while scanning a q", "quotes that open in line {line} do not close"),
    ("found unknown escape", "", "an unknown \\ escape in double quotes; write \\\\ or use single quotes"),
    ("expected escape sequence", "", "a broken \\ escape in double quotes; write \\\\ or use single quotes"),
    ("expected <block end>, but found '-'", "", "a list item that is indented unlike the lines before it"),
    ("expected <block end>", "", "text that fits neither the indentation nor the line before it"),
    ("sequence entries are not allowed", "", "a list item ('- ') where none can stand; begin a new line"),
    ("expected ',' or ']'", "", "the list that [ opens in line {line} is not closed, or lacks a comma"),
    ("expected ',' or '}'", "", "the mapping that {{ opens in line {line} is not closed, or lacks a comma"),
    ("expected '<document start>'", "", "text after '...', which ends a document"),
    ("but found another document", "", "a second document ('---'); a configuration is a single one"),
    ("nested more than", "", "lists or mappings nested deeper than any configuration is"),
]  # fmt: skip


def unreadable(error: YAMLError, text: str, name: str) -> str:
    """One sentence with line and column, such as `config.yaml:3: is not YAML (column 5): a tab; ...`."""
    if isinstance(error, ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        what = f"the character U+{ord(text[error.position]):04X}, which cannot stand in a text file"
    elif isinstance(error, MarkedYAMLError) and (mark := error.problem_mark or error.context_mark):
        line, column, what = mark.line + 1, mark.column + 1, _sentence(error)
    else:
        return f"{name}: is not YAML"
    return str(Problem(f"is not YAML (column {column}): {what}", file=name, line=line, column=column))


def _sentence(error: MarkedYAMLError) -> str:
    problem, context = error.problem or "", error.context or ""
    line = error.context_mark.line + 1 if error.context_mark else 0
    for begin, within, sentence in _SENTENCES:
        if problem.startswith(begin) and context.startswith(within):
            return sentence.format(line=line)
    return " ".join(part for part in (context, problem) if part)
