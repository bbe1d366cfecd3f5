"""docs/rest-v1.md lists the operations that there are."""

from inspect import cleandoc

from syncserver.rest.resources import api_operations
from tests.units.test_docs import code, table


def test_every_operation_is_documented_with_its_scope_and_its_summary() -> None:
    documented = [
        (code(name), "" if scope == "none" else code(scope), summary)
        for name, scope, summary in table("docs/rest-v1.md", "All operations")
    ]
    declared = [
        (
            f"{operation.verb} {operation.path}",
            operation.scope.value if operation.scope else "",
            cleandoc(operation.handler.__doc__ or "").splitlines()[0],
        )
        for operation in api_operations()
    ]
    assert documented == declared
