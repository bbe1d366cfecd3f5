"""The house rules that a machine can check: docstrings, lengths, layers, who may write files."""

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "syncserver"
PREFIX = "syncserver."
MODULES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES_OF_A_MODULE = 400
MOST_LINES_OF_A_FUNCTION = 50

# Imports go down only; docs/architecture.md draws the layers. The highest first.
LAYERS = (
    ("app", "server", "control", "listening", "embed"),
    ("wsgi", "rest", "errands", "deploy", "moving"),
    ("services",),
    ("sync", "media", "backups"),
    ("collections", "accounts", "jobs", "limits", "maintenance", "chores"),
    (
        *("protocol", "settings", "errors", "events", "metrics", "request_counts"),
        *("sync_record", "audit", "free_memory", "one_processor"),
    ),
    ("__init__",),
)
HEIGHT = {part: -number for number, layer in enumerate(LAYERS) for part in layer}
ENGINES = ("sync", "media")

THE_WRITER = "collections/atomic_files.py"
# Who else writes files, and why that is no danger to what is stored.
ALLOWED_WRITES = {
    "audit.py:_open": "the audit trail, which only grows",
    "accounts/database.py:_create_private_file": "an empty file, which SQLite then fills",
    "collections/data_root_lock.py:acquire": "a lock file, which says who has it for as long as that lives",
    "collections/folders.py:remove": "the file is about to be deleted",
    "collections/restore_points.py:_move_write_ahead_log": "a log moves with its damaged file",
    "control/process.py:run_in_background": "the log of the server, which only grows",
    "deploy/catalogue.py:write_file": "a temporary file of atomic_files, which moves it into its place",
    "media/archive.py:_opened": "reads only; the mode is the one for members of a zip",
    "media/archive.py:stage_parts": "into the folder of an upload, which counts for nothing without its journal",
    "media/batch.py:place": "files that nobody is shown before the index names them, and their list",
    "media/batch.py:_play_move": "moves what the journal of a committed upload says",
    "media/batch.py:write_journal": "a temporary file of atomic_files, which moves it into its place",
    "media/shared_store.py:_link_twin": "a second name for the same bytes",
    "media/shared_store.py:_store": "a second name for the same bytes",
    "media/trash_folder.py:throw_away": "into the trash, where a crash costs nothing",
    "media/upload.py:received_zip": "a temporary file of atomic_files, read and dropped",
    "moving/colpkg.py:_version": "reads only; the mode is the one for members of a zip",
    "moving/colpkg.py:parts": "reads only; the mode is the one for members of a zip",
    "rest/importing.py:written_file": "a temporary file of atomic_files, read and dropped",
    "rest/package_media.py:_plain_parts": "reads only, as the next one does",
    "rest/package_media.py:_member": "reads only; the mode is the one for members of a zip",
    "rest/media_store.py:store_bytes": "a temporary file of atomic_files, read and dropped",
    "server.py:_write": "a temporary file of atomic_files, which moves it into its place",
    "wsgi/monitoring/readiness.py:_data_root": "a file without a name, to see whether one can be made",
    "sync/full_download.py:as_schema_11": "a private copy that is sent and dropped",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef
# Methods and functions that create or move files whatever their arguments are.
WRITERS = {
    *("write_text", "write_bytes", "touch", "symlink_to", "hardlink_to"),
    *("mkstemp", "NamedTemporaryFile", "TemporaryFile"),
}
MODULE_WRITERS = {
    "os": {"replace", "rename", "renames", "link", "symlink", "truncate"},
    "shutil": {"copy", "copy2", "copyfile", "copytree", "move"},
}
# Of a path; strings have a method of this name too, which takes two arguments.
ONE_ARGUMENT_WRITERS = {"replace", "rename"}


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def functions(tree: ast.AST) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node


def calls_that_write(tree: ast.AST) -> list[ast.Call]:
    """Return the calls that create, change or move files."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if _writes(call)]


def functions_that_write(tree: ast.Module) -> Iterator[str]:
    """Yield the innermost function of each call that writes; '' for one outside of functions."""
    inner: dict[ast.AST, str] = {}
    for function in functions(tree):  # from the outside to the inside
        inner.update(dict.fromkeys(ast.walk(function), function.name))
    for call in calls_that_write(tree):
        yield inner.get(call, "")


def _writes(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id in WRITERS or (function.id == "open" and _mode_writes(call, 1))
    if not isinstance(function, ast.Attribute):
        return False
    of_module = function.value.id if isinstance(function.value, ast.Name) else ""
    if of_module == "atomic_files":
        return False
    if of_module == "os" and function.attr == "open":
        return _flags_write(call)
    return (
        function.attr in WRITERS
        or function.attr in MODULE_WRITERS.get(of_module, ())
        or (function.attr in ONE_ARGUMENT_WRITERS and len(call.args) == 1 and not call.keywords)
        or (function.attr == "open" and _mode_writes(call, 1 if of_module in ("io", "gzip") else 0))
    )


def _mode_writes(call: ast.Call, position: int) -> bool:
    given = [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    given += call.args[position : position + 1]
    # Without a mode a file is opened for reading; one that is not a plain text is worth a look.
    return any(not isinstance(mode, ast.Constant) or _is_writing(mode.value) for mode in given)


def _is_writing(mode: object) -> bool:
    return isinstance(mode, str) and any(letter in mode for letter in "wax+")


def _flags_write(call: ast.Call) -> bool:
    flags = {node.attr for node in ast.walk(call) if isinstance(node, ast.Attribute)}
    return bool(flags & {"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"})


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the modules of syncserver that are imported, without the package's own name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (one.removeprefix(PREFIX) for one in names if one.startswith(PREFIX))


def part_of(module: str) -> str:
    """Return the package or module right below syncserver that a module belongs to."""
    first = module.replace("/", ".").removesuffix(".py").split(".")[0]
    return "__init__" if first.startswith("__") else first


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    """The parsed modules by their names."""
    return {name(path): ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}


def test_there_is_something_to_check(trees: dict[str, ast.Module]) -> None:
    assert len(trees) > 40
    assert THE_WRITER in trees


def test_every_module_says_what_it_is_for(trees: dict[str, ast.Module]) -> None:
    silent = [module for module, tree in trees.items() if not ast.get_docstring(tree)]
    assert silent == []


def test_no_module_is_long() -> None:
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    too_long = {
        module: lines for module, lines in lengths.items() if lines > MOST_LINES_OF_A_MODULE
    }
    assert too_long == {}


def test_no_function_is_long(trees: dict[str, ast.Module]) -> None:
    too_long = [
        f"{module}:{function.name} has {lines} lines"
        for module, tree in trees.items()
        for function in functions(tree)
        if (lines := _length(function)) > MOST_LINES_OF_A_FUNCTION
    ]
    assert too_long == []


def test_most_modules_and_functions_are_short(trees: dict[str, ast.Module]) -> None:
    modules = sorted(len(path.read_text("utf-8").splitlines()) for path in MODULES)
    lengths = sorted(_length(function) for tree in trees.values() for function in functions(tree))
    for sizes, median, nine_in_ten in ((modules, 130, 320), (lengths, 8, 28)):
        assert sizes[len(sizes) // 2] <= median
        assert sizes[len(sizes) * 9 // 10] <= nine_in_ten


def _length(function: Function) -> int:
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def test_every_part_has_its_layer(trees: dict[str, ast.Module]) -> None:
    assert {part_of(module) for module in trees} <= HEIGHT.keys()


def test_imports_go_down_only(trees: dict[str, ast.Module]) -> None:
    upwards = [
        f"{module} imports {imported}"
        for module, tree in trees.items()
        for imported in imports(tree)
        if HEIGHT[part_of(imported)] > HEIGHT[part_of(module)]
    ]
    assert upwards == []


def test_accounts_and_collections_do_not_know_each_other(trees: dict[str, ast.Module]) -> None:
    pair = {"accounts", "collections"}
    for module, tree in trees.items():
        if part_of(module) in pair:
            assert not {part_of(one) for one in imports(tree)} & (pair - {part_of(module)}), module


def test_the_engines_know_the_messages_of_the_protocol_only(trees: dict[str, ast.Module]) -> None:
    for module, tree in trees.items():
        if part_of(module) in ENGINES:
            known = [one for one in imports(tree) if part_of(one) == "protocol"]
            assert all(one.startswith("protocol.messages.") for one in known), module


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from syncserver.wsgi.framing import read_framing", ["wsgi.framing.read_framing"]),
        ("from syncserver import events", ["events"]),
        ("from syncserver import __version__", ["__version__"]),
        ("import syncserver.wsgi.framing", ["wsgi.framing"]),
        ("def f():\n    from syncserver.services import services_for", ["services.services_for"]),
        ("import os", []),
    ],
)
def test_an_import_is_noticed(source: str, expected: list[str]) -> None:
    assert list(imports(ast.parse(source))) == expected


def test_files_are_written_in_one_place(trees: dict[str, ast.Module]) -> None:
    writing = {
        f"{module}:{function}"
        for module, tree in trees.items()
        if module != THE_WRITER
        for function in functions_that_write(tree)
    }
    assert writing == set(ALLOWED_WRITES)


def test_the_one_place_writes(trees: dict[str, ast.Module]) -> None:
    assert {"temporary_file", "replace"} <= set(functions_that_write(trees[THE_WRITER]))


@pytest.mark.parametrize(
    "source",
    [
        "open('x', 'w')",
        "open('x', mode='ab')",
        "open('x', mode)",
        "path.open('wb')",
        "path.open(mode='r+')",
        "path.write_text('x')",
        "path.write_bytes(b'x')",
        "path.touch()",
        "path.replace(other)",
        "path.rename(other)",
        "os.replace(a, b)",
        "os.open(path, os.O_RDWR | os.O_CREAT)",
        "shutil.copyfile(a, b)",
        "tempfile.mkstemp()",
        "gzip.open('x', 'wb')",
    ],
)
def test_a_write_is_noticed(source: str) -> None:
    assert calls_that_write(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "open('x')",
        "open('x', 'rb')",
        "path.open('rb')",
        "slot.open()",
        "text.replace('a', 'w')",
        "row.replace(tzinfo=utc)",
        "os.open(path, os.O_RDONLY | os.O_DIRECTORY)",
        "atomic_files.replace(a, b)",
    ],
)
def test_reading_is_not_taken_for_writing(source: str) -> None:
    assert not calls_that_write(ast.parse(source))


def test_a_write_belongs_to_its_innermost_function() -> None:
    source = """
        path.touch()
        def outer():
            def inner():
                path.touch()
    """
    assert list(functions_that_write(ast.parse(textwrap.dedent(source)))) == ["", "inner"]
