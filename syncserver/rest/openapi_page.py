"""The OpenAPI document as a page for people: plain HTML, nothing to run, nothing to load."""

import base64
import hashlib
from html import escape
from typing import Any, Final

from syncserver.rest.idempotency import KEY_HEADER
from syncserver.rest.openapi import HEADERS, anchor
from syncserver.rest.operations import MOST_ID

Json = dict[str, Any]

STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1b1f; background: #fff }
code { font: 0.9em ui-monospace, monospace }
h2 { border-bottom: 1px solid #ccc; margin-top: 2.5rem }
h3 { margin: 1.5rem 0 0 }
table { border-collapse: collapse; margin: 0.5rem 0 }
td, th { border: 1px solid #ccc; padding: 0.2rem 0.6rem; text-align: left; vertical-align: top }
.verb { display: inline-block; min-width: 4.5rem; font-weight: 600 }
a { color: #0b57d0 }
@media (prefers-color-scheme: dark) {
  body { color: #e3e3e8; background: #1b1b1f }
  a { color: #a8c7fa }
  h2, td, th { border-color: #555 }
}
"""
_DIGEST: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# The style is allowed by its digest, and nothing else at all.
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


def page_of(document: Json) -> str:
    """Return the page."""
    title = escape(document["info"]["title"])
    server = document["servers"][0]["url"].rstrip("/")
    groups = "".join(_group(document, group["name"], server) for group in document["tags"])
    schemas = "".join(
        _schema(name, schema) for name, schema in sorted(document["components"]["schemas"].items())
    )
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>{escape(document['info']['description'])}</p>"
        f'<p>For programs: <a href="{server}/v1/openapi.json">openapi.json</a>, OpenAPI 3.1.</p>'
        f"<p>Every POST takes the header <code>{KEY_HEADER}</code>: {escape(HEADERS[KEY_HEADER])}</p>"
        f"{_contents(document)}{groups}<h2>Objects</h2>{schemas}</body></html>"
    )


def _contents(document: Json) -> str:
    links = (
        f'<li><a href="#{anchor(group["name"])}">{escape(group["name"])}</a></li>'
        for group in document["tags"]
    )
    return f"<nav><ul>{''.join(links)}</ul></nav>"


def _group(document: Json, name: str, server: str) -> str:
    operations = "".join(
        _operation(verb, server + path, operation)
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
        if name in operation["tags"]
    )
    return f'<h2 id="{anchor(name)}">{escape(name.capitalize())}</h2>{operations}'


def _operation(verb: str, path: str, operation: Json) -> str:
    body = operation.get("requestBody", {}).get("content", {})
    heading = f'<b class="verb">{verb.upper()}</b> {escape(path)}'
    lines = [
        f'<h3 id="{operation["operationId"]}"><code>{heading}</code></h3>',
        f"<p>{escape(operation['summary'])}</p><p>{escape(operation['description'])}</p>",
        _parameters(operation["parameters"]),
        *(f"<p>Body: {_content(kind, content)}</p>" for kind, content in body.items()),
        *_answers(operation["responses"]),
    ]
    return "".join(lines)


def _answers(responses: Json) -> list[str]:
    return [
        f"<p>Answer {status}: {_content(kind, content)}</p>"
        for status, response in responses.items()
        if status != "default"
        for kind, content in response.get("content", {"": {}}).items()
    ]


def _content(kind: str, content: Json) -> str:
    if "schema" in content:
        return _type(content["schema"])
    return f"<code>{escape(kind)}</code>" if kind else "nothing"


def _parameters(parameters: list[Json]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{one['in']}</td>"
        f"<td>{_type(one['schema'])}</td><td>{escape(one.get('description', ''))}</td></tr>"
        for one in parameters
        if one["name"] != KEY_HEADER  # said once, above
    )
    return f"<table>{rows}</table>" if rows else ""


def _schema(name: str, schema: Json) -> str:
    required = schema.get("required", [])
    rows = "".join(
        f"<tr><td><code>{escape(key)}</code></td><td>{_type(value)}</td>"
        f"<td>{'required' if key in required else ''}</td></tr>"
        for key, value in schema.get("properties", {}).items()
    )
    return (
        f'<h3 id="{anchor(name)}"><code>{escape(name)}</code></h3>'
        f"<p>{escape(schema.get('description', ''))}</p><table>{rows}</table>"
    )


def _type(schema: Json) -> str:
    """Return in words what a schema allows."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{anchor(name)}">{escape(name)}</a>'
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(_type(one) for one in schema[key])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    return _plain_type(schema)


def _plain_type(schema: Json) -> str:
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    limits = [
        f"{word} {schema[key]}"
        for key, word in (("minimum", "from"), ("maximum", "to"), ("default", "usually"))
        if schema.get(key) not in (None, "", MOST_ID)
    ]
    return escape(" ".join([kind, *limits]))
